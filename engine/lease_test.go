package engine

import (
	"context"
	"testing"
)

// TestLeasesAreReusedWhole: the second block of a size costs no buffer, larger
// ones go back to the arena, and the end of a run gives everything back.
func TestLeasesAreReusedWhole(t *testing.T) {
	r := newRun(Options{Memory: leastMemory, Workers: 1})
	var first *float32
	for i := range 3 {
		l := r.leases.get()
		x := l.block.Scratch(1 << 16)
		if l.block.Scratch(1 << 21); i == 0 {
			first = &x[0]
		}
		if &x[0] != first {
			t.Error("a lease did not keep its buffer")
		}
		r.leases.put(l)
		if used := r.arena.Used(); used != 4<<16 {
			t.Errorf("%d bytes stay with an idle lease, want those of one block", used)
		}
	}
	if r.close(); r.arena.Used() != 0 || r.arena.Mapped() != 0 {
		t.Errorf("%d bytes used, %d mapped after the run", r.arena.Used(), r.arena.Mapped())
	}
}

// TestWorkspaceDisplacesIdleMemory: what a job takes outside the arena leaves
// no room for idle buffers beyond the budget.
func TestWorkspaceDisplacesIdleMemory(t *testing.T) {
	r := newRun(Options{Memory: leastMemory, Workers: 1})
	defer r.close()
	l := r.leases.get()
	l.block.Scratch(3 << 20)
	r.leases.put(l)
	if r.arena.Mapped() == 0 {
		t.Fatal("nothing is kept for the next tensor")
	}
	err := r.within(context.Background(), leastMemory, leastMemory-1<<20, func() error {
		if m := r.arena.Mapped(); m > 1<<20 {
			t.Errorf("%d idle bytes lie beside a workspace that takes all but 1 MB", m)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
