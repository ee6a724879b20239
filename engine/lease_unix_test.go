//go:build linux || darwin || freebsd || netbsd || openbsd

package engine

import (
	"runtime/debug"
	"testing"
)

// touches says whether memory can be written to.
func touches(x []float32) (ok bool) {
	defer func() { ok = recover() == nil }()
	x[0] = 1
	return
}

// TestLeaseEnds: in a checked run what a block held cannot be touched once its
// lease is given back, and the next lease holds other values.
func TestLeaseEnds(t *testing.T) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	r := newRun(Options{Memory: leastMemory, Workers: 1, CheckMemory: true})
	defer r.close()
	l := r.leases.get()
	kept := l.block.Scratch(100)
	kept[0] = 1
	r.leases.put(l)
	if touches(kept) {
		t.Error("a block's scratch was written to after its lease ended")
	}
	again := r.leases.get()
	if x := again.block.Scratch(100); !touches(x) || x[1] == x[1] {
		t.Errorf("scratch of the next lease holds %v, want NaN", x[1])
	}
	r.leases.put(again)
}
