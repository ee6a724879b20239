//go:build linux || darwin || freebsd || netbsd || openbsd

package nn

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// mapFile maps n bytes of a new file, which it removes from its directory at
// once. The bytes have their place on the disk: a page that finds none when it
// is written ends the process.
func mapFile(dir string, n int) ([]byte, error) {
	f, err := os.CreateTemp(dir, ".roux-hidden-*")
	if err != nil {
		return nil, err
	}
	if err := errors.Join(os.Remove(f.Name()), occupy(f, int64(n))); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	b, err := unix.Mmap(int(f.Fd()), 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	return b, errors.Join(err, f.Close())
}

// zeroFill writes zeros.
func zeroFill(f *os.File, n int64) error {
	zeros := make([]byte, 1<<20)
	for at := int64(0); at < n; at += int64(len(zeros)) {
		if _, err := f.WriteAt(zeros[:min(n-at, int64(len(zeros)))], at); err != nil {
			return err
		}
	}
	return nil
}

// forget lets pages go; a refusal would cost only memory.
func forget(b []byte) { _ = unix.Madvise(b, unix.MADV_DONTNEED) }

func unmapFile(b []byte) error { return unix.Munmap(b) }
