package engine

import (
	"context"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/semaphore"
)

// run is the state that all work of a plan shares.
type run struct {
	opt    Options
	crew   crew
	bufs   buffers
	leases leases
	budget *semaphore.Weighted

	blocks atomic.Int64 // kernel calls
	hits   atomic.Int64

	openMu sync.Mutex
	open   map[string]*storedFile
}

func newRun(o Options) *run {
	return &run{opt: o, crew: newCrew(o.Workers), budget: semaphore.NewWeighted(o.Memory), open: map[string]*storedFile{}}
}

// within runs fn with n bytes of the budget, or all of it if n is larger.
func (r *run) within(ctx context.Context, n int64, fn func() error) error {
	n = min(n, r.opt.Memory)
	if err := r.budget.Acquire(ctx, n); err != nil {
		return err
	}
	defer r.budget.Release(n)
	return fn()
}
