package engine

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/dustin/go-humanize"
	"golang.org/x/sync/semaphore"

	"github.com/rouxml/roux/tensor/arena"
)

// run is the state that all work of a plan shares.
type run struct {
	opt    Options // of whose Memory what is set aside is gone
	memory int64   // with what is set aside
	crew   crew
	arena  *arena.Arena
	leases leases
	budget *semaphore.Weighted // of the whole
	ink    *semaphore.Weighted // bytes that all pens may hold

	blocks atomic.Int64 // kernel calls
	hits   atomic.Int64

	openMu sync.Mutex
	open   map[string]*storedFile
}

func newRun(o Options) *run {
	a := arena.New(arena.Options{Budget: o.Memory, Checked: o.CheckMemory})
	memory := o.Memory
	o.Memory -= penBytes
	return &run{opt: o, memory: memory, crew: newCrew(o.Workers), arena: a, leases: newLeases(a, o.CheckMemory),
		budget: semaphore.NewWeighted(o.Memory), ink: semaphore.NewWeighted(penBytes), open: map[string]*storedFile{}}
}

// setAside takes memory that is held for the whole run, and not from the arena,
// out of the budget. It is for plans: no work may hold any of it yet.
func (r *run) setAside(n int64) error {
	if lack := leastWork - (r.opt.Memory - n); lack > 0 {
		return fmt.Errorf("it holds %s in memory all the time, and the budget is too small for that and the work: give --memory %s or more",
			humanize.Bytes(uint64(n)), humanize.Bytes(uint64(r.memory+lack)))
	}
	r.opt.Memory -= n
	r.budget = semaphore.NewWeighted(r.opt.Memory)
	r.arena.Reserve(n)
	return nil
}

// within runs fn with n bytes of the budget, or all of it if n is larger. Of
// these, heap are workspace that does not come from the arena.
func (r *run) within(ctx context.Context, n, heap int64, fn func() error) error {
	n = min(n, r.opt.Memory)
	if err := r.budget.Acquire(ctx, n); err != nil {
		return err
	}
	defer r.budget.Release(n)
	defer r.arena.Reserve(heap)()
	return fn()
}
