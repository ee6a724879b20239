//go:build linux || darwin || freebsd || netbsd || openbsd

package nn

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// mapFile maps n bytes of a new file, which it removes from its directory at
// once.
func mapFile(dir string, n int) ([]byte, error) {
	f, err := os.CreateTemp(dir, ".roux-hidden-*")
	if err != nil {
		return nil, err
	}
	if err := errors.Join(os.Remove(f.Name()), f.Truncate(int64(n))); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	b, err := unix.Mmap(int(f.Fd()), 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	return b, errors.Join(err, f.Close())
}

// forget lets pages go; a refusal would cost only memory.
func forget(b []byte) { _ = unix.Madvise(b, unix.MADV_DONTNEED) }

func unmapFile(b []byte) error { return unix.Munmap(b) }
