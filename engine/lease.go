package engine

import (
	"context"
	"slices"
	"sync"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/kernel"
)

// lease is a block and the buffers that it holds. Leases are reused whole, so
// that a block costs no allocation and few locks once all have been made.
type lease struct {
	block  ops.Block
	floats shelf[float32]
	masks  shelf[uint64]
	bytes  shelf[byte]
}

// shelf is the slices of one lease: the first used of them are taken.
type shelf[T any] struct {
	list [][]T
	used int
}

// take returns n elements with undefined contents.
func (s *shelf[T]) take(n int) []T {
	for i := s.used; i < len(s.list); i++ {
		if cap(s.list[i]) >= n {
			s.list[s.used], s.list[i] = s.list[i], s.list[s.used]
			s.used++
			return s.list[s.used-1][:n]
		}
	}
	// What is too small for this tensor is dropped: the next blocks are as large.
	s.list = append(s.list[:s.used], make([]T, n))
	s.used++
	return s.list[s.used-1]
}

// reset takes everything back, but for what is too large to lie idle.
func (s *shelf[T]) reset(size int) {
	s.list = slices.DeleteFunc(s.list, func(b []T) bool { return cap(b)*size > keptBytes })
	s.used = 0
}

// keptBytes is the largest buffer that is kept for reuse: larger ones, of whole
// tensors, go back to the runtime so that the budget is not exceeded by idle
// ones.
const keptBytes = 1 << 24

// leases hands out leases and takes them back.
type leases struct {
	mu   sync.Mutex
	idle []*lease
}

func (p *leases) get() *lease {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.idle); n > 0 {
		l := p.idle[n-1]
		p.idle = p.idle[:n-1]
		return l
	}
	l := &lease{}
	l.block.NewScratch = l.floats.take
	l.block.NewMask = func(n int) kernel.Mask { return l.masks.take(kernel.MaskWords(n)) }
	return l
}

func (p *leases) put(l *lease) {
	l.floats.reset(4)
	l.masks.reset(8)
	l.bytes.reset(1)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, l)
}

// load makes a block of an action with its operands read, or only those named.
func (r *run) load(ctx context.Context, l *lease, a *action, row, n int, only ...int) (*ops.Block, error) {
	b := &l.block
	b.Index, b.Row, b.Rows, b.Cols = 0, row, n, 0
	b.In, b.Out, b.Rec = slices.Grow(b.In[:0], len(a.in))[:len(a.in)], nil, nil
	clear(b.In)
	if len(a.in) > 0 {
		b.Cols = a.in[0].info.Shape.Cols()
		b.Index = row / partitionOf(a.in[0].info.Shape).per
	}
	for i, c := range a.in {
		if len(only) > 0 && !slices.Contains(only, i) {
			continue
		}
		if err := r.operand(ctx, l, c, &b.In[i], row, n); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// operand reads rows of a cell: as they are stored, if a kernel can take them
// so, and else in float32.
func (r *run) operand(ctx context.Context, l *lease, c *cell, v *ops.Values, row, n int) error {
	if c.leaf != nil && c.info.DType == tensor.BF16 && c.info.Quant == nil {
		v.BF16 = l.bytes.take(n * c.info.RowBytes())
		return r.rawBytes(ctx, c, v.BF16, row, n)
	}
	v.F32 = l.floats.take(n * c.info.Shape.Cols())
	return r.read(ctx, c, v.F32, row, n)
}
