package gemm

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// HugePages asks for large pages under a large buffer: fewer faults on first
// use and fewer misses of the translation cache. Refusal costs only speed.
func HugePages(b []byte) {
	const page = 2 << 20
	skip := -int(uintptr(unsafe.Pointer(&b[0]))) & (page - 1)
	if n := (len(b) - skip) / page * page; n > 0 {
		_ = unix.Madvise(b[skip:skip+n], unix.MADV_HUGEPAGE)
	}
}

// yield lets another process have the core.
func yield() { _, _, _ = unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0) }
