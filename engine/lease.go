package engine

import (
	"context"
	"slices"

	"github.com/rouxml/roux/ops"
)

// lease is the buffers that one block holds.
type lease struct {
	bufs *buffers
	held [][]float32
}

func (l *lease) take(n int) []float32 {
	b := l.bufs.f32(n)
	l.held = append(l.held, b)
	return b
}

func (l *lease) release() {
	for _, b := range l.held {
		l.bufs.putF32(b)
	}
	l.held = nil
}

// load makes a block of an action with its operands read, or only those named.
// The lease is to be
// released even when there is an error.
func (r *run) load(ctx context.Context, a *action, row, n int, only ...int) (*ops.Block, *lease, error) {
	held := &lease{bufs: &r.bufs}
	b := &ops.Block{Row: row, Rows: n, In: make([][]float32, len(a.in)), NewScratch: held.take}
	if len(a.in) > 0 {
		b.Cols = a.in[0].info.Shape.Cols()
		b.Index = row / partitionOf(a.in[0].info.Shape).per
	}
	for i, c := range a.in {
		if len(only) > 0 && !slices.Contains(only, i) {
			continue
		}
		b.In[i] = held.take(n * c.info.Shape.Cols())
		if err := r.read(ctx, c, b.In[i], row, n); err != nil {
			return nil, held, err
		}
	}
	return b, held, nil
}
