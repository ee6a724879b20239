//go:build !linux

package arena

// hugePages does nothing: this system decides for itself.
func hugePages([]byte) {}
