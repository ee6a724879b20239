//go:build unix

package loaders

import (
	"fmt"
	"os"
	"syscall"

	"github.com/dustin/go-humanize"
	"golang.org/x/sys/unix"
)

// fileNumber identifies a file whatever its name.
func fileNumber(info os.FileInfo) string {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return fmt.Sprintf("%d:%d", s.Dev, s.Ino)
	}
	return "0:0"
}

// stampOf is a file's size and time of modification in nanoseconds. It
// allocates nothing: every read asks for it.
func stampOf(f *os.File) (size, modified int64, err error) {
	var s unix.Stat_t
	err = unix.Fstat(int(f.Fd()), &s)
	return s.Size, s.Mtim.Nano(), err
}

// changeTime is when a file or what is known of it last changed, in
// nanoseconds: unlike its time of modification nobody can set it back.
func changeTime(path string) int64 {
	var s unix.Stat_t
	if err := unix.Stat(path, &s); err != nil {
		return 0
	}
	return s.Ctim.Nano()
}

// CheckRoom refuses to begin what the disk cannot hold.
func CheckRoom(dir string, need int64) error {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return nil // a system that does not say lets the write find out
	}
	free := float64(s.Bavail) * float64(s.Bsize) // whose types differ by system
	if float64(need) > free {
		return fmt.Errorf("the output takes %s and the disk of %s has %s free: make room or write elsewhere",
			humanize.Bytes(uint64(need)), dir, humanize.Bytes(uint64(max(free, 0))))
	}
	return nil
}
