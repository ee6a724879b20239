//go:build !linux

package loaders

import "os"

// Reserve gives a new file its size.
func Reserve(f *os.File, size int64) error { return f.Truncate(size) }

// StartWriteback asks the system to begin writing a file's dirty pages to the
// disk, where it can be asked.
func StartWriteback(*os.File) {}
