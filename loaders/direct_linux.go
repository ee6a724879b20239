package loaders

import (
	"os"

	"golang.org/x/sys/unix"
)

// openDirect opens a file a second time, to be written past the page cache, if
// its file system says how.
func openDirect(f *os.File) (*os.File, align) {
	var s unix.Statx_t
	err := unix.Statx(int(f.Fd()), "", unix.AT_EMPTY_PATH, unix.STATX_DIOALIGN|unix.STATX_BASIC_STATS, &s)
	if err != nil || s.Mask&unix.STATX_DIOALIGN == 0 {
		return nil, align{}
	}
	a, ok := alignOf(int64(s.Dio_offset_align), int64(s.Dio_mem_align), int64(s.Blksize), int64(os.Getpagesize()))
	if !ok {
		return nil, align{}
	}
	d, err := os.OpenFile(f.Name(), os.O_WRONLY|unix.O_DIRECT, 0)
	if err != nil {
		return nil, align{}
	}
	return d, a
}
