package engine

import (
	"context"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/semaphore"

	"github.com/rouxml/roux/tensor/arena"
)

// run is the state that all work of a plan shares.
type run struct {
	opt    Options
	crew   crew
	arena  *arena.Arena
	leases leases
	budget *semaphore.Weighted

	blocks atomic.Int64 // kernel calls
	hits   atomic.Int64

	openMu sync.Mutex
	open   map[string]*storedFile
}

func newRun(o Options) *run {
	a := arena.New(arena.Options{Budget: o.Memory, Checked: o.CheckMemory})
	return &run{opt: o, crew: newCrew(o.Workers), arena: a, leases: newLeases(a, o.CheckMemory),
		budget: semaphore.NewWeighted(o.Memory), open: map[string]*storedFile{}}
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
