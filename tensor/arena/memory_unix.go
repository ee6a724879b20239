//go:build linux || darwin || freebsd || netbsd || openbsd

package arena

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// mapMemory returns n fresh bytes that start where a huge page can, or false if
// the system refuses.
func mapMemory(n int) ([]byte, bool) {
	at, err := unix.MmapPtr(-1, 0, nil, uintptr(n+hugePage), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, false
	}
	all := unsafe.Slice((*byte)(at), n+hugePage)
	skip := -int(uintptr(at)) & (hugePage - 1)
	unmap(all[:skip])
	unmap(all[skip+n:])
	mem := all[skip : skip+n : skip+n]
	hugePages(mem)
	return mem, true
}

// unmap gives memory back; a refusal would cost only address space.
func unmap(b []byte) {
	if len(b) > 0 {
		_ = unix.MunmapPtr(unsafe.Pointer(&b[0]), uintptr(len(b)))
	}
}

// protect forbids or allows all access and says whether the system could.
func protect(b []byte, allow bool) bool {
	prot := unix.PROT_NONE
	if allow {
		prot = unix.PROT_READ | unix.PROT_WRITE
	}
	return unix.Mprotect(b, prot) == nil
}
