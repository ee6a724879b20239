package engine

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/rouxml/roux/tensor"
)

// blockElems is how many elements a block holds, rounded to whole rows: large
// enough to amortise a call, small enough that a chain of blocks stays in the
// second-level cache. Results may not depend on it, but partial sums do: it is
// part of the numerics profile.
const blockElems = 1 << 16

// partition cuts a tensor into blocks of whole rows, by its shape alone.
type partition struct{ rows, per, count int }

func partitionOf(s tensor.Shape) partition {
	rows, cols := s.Rows(), s.Cols()
	if rows == 0 || cols == 0 {
		return partition{}
	}
	per := max(1, blockElems/cols)
	return partition{rows: rows, per: per, count: (rows + per - 1) / per}
}

// span returns the first row of block i and how many rows it has.
func (p partition) span(i int) (row, n int) {
	row = i * p.per
	return row, min(p.per, p.rows-row)
}

// crew lends idle cores to whoever has blocks to share.
type crew chan struct{}

func newCrew(workers int) crew {
	c := make(crew, workers)
	for range workers {
		c <- struct{}{}
	}
	return c
}

// each runs fn for every i below n: here, and on idle cores as they come free.
// The first error stops the rest.
func (c crew) each(ctx context.Context, n int, fn func(i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var helpers sync.WaitGroup
	var work func()
	work = func() {
		for ctx.Err() == nil {
			i := int(next.Add(1)) - 1
			if i >= n {
				return
			}
			if i+1 < n {
				c.lend(&helpers, work)
			}
			if err := fn(i); err != nil {
				cancel(err)
			}
		}
	}
	work()
	helpers.Wait()
	return context.Cause(ctx)
}

// lend starts work on an idle core, if there is one.
func (c crew) lend(wg *sync.WaitGroup, work func()) {
	select {
	case <-c:
		wg.Go(func() {
			defer func() { c <- struct{}{} }()
			work()
		})
	default:
	}
}
