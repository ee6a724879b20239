//go:build !unix

package loaders

import "os"

// fileNumber identifies a file whatever its name, where the system can.
func fileNumber(os.FileInfo) string { return "0:0" }

// CheckRoom refuses to begin what the disk cannot hold, where the system says
// what it holds.
func CheckRoom(string, int64) error { return nil }

// changeTime is when a file or what is known of it last changed, where the
// system says.
func changeTime(string) int64 { return 0 }

// stampOf is a file's size and time of modification in nanoseconds.
func stampOf(f *os.File) (size, modified int64, err error) {
	info, err := f.Stat()
	if err != nil {
		return 0, 0, err
	}
	return info.Size(), info.ModTime().UnixNano(), nil
}
