package loaders

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// reserve gives a new file its size and, where the file system can, its room
// on the disk: a full disk is met before the work, and writing then finds its
// blocks laid out.
func reserve(f *os.File, size int64) error {
	err := unix.Fallocate(int(f.Fd()), 0, 0, size)
	switch {
	case size == 0 || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS):
		return f.Truncate(size)
	case err != nil:
		return fmt.Errorf("cannot reserve %d bytes for %s: %w: make room or write elsewhere", size, f.Name(), err)
	}
	return nil
}

// startWriteback asks the system to begin writing a file's dirty pages to the
// disk, so that a later sync waits for less. It promises nothing.
func startWriteback(f *os.File) {
	_ = unix.SyncFileRange(int(f.Fd()), 0, 0, unix.SYNC_FILE_RANGE_WRITE)
}
