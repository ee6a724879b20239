package engine

import (
	"context"
	"slices"
	"sync"
	"unsafe"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/arena"
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
type shelf[T arena.Element] struct {
	from *arena.Arena
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
	// What is too small for this tensor goes: the next blocks are as large.
	s.drop(s.used, 0)
	s.list = append(s.list, arena.Get[T](s.from, n))
	s.used++
	return s.list[s.used-1]
}

// drop gives back what is longer than kept elements, from the first-th slice on.
func (s *shelf[T]) drop(first, kept int) {
	list := s.list[:first]
	for _, b := range s.list[first:] {
		if cap(b) > kept {
			arena.Put(s.from, b)
		} else {
			list = append(list, b)
		}
	}
	clear(s.list[len(list):])
	s.list = list
}

// reset makes all slices free to be taken, and gives back those of more than
// kept bytes.
func (s *shelf[T]) reset(kept int) {
	var zero T
	s.drop(0, kept/int(unsafe.Sizeof(zero)))
	s.used = 0
}

// keptBytes is the largest buffer that stays with its lease: larger ones, of
// whole tensors, go back to the arena, which holds them to the budget.
const keptBytes = 1 << 22

// leases hands out leases and takes them back.
type leases struct {
	from *arena.Arena
	kept int // bytes of the largest buffer that stays with its lease

	mu   sync.Mutex
	idle []*lease
}

func newLeases(from *arena.Arena, checked bool) leases {
	if checked {
		return leases{from: from, kept: -1} // so that the arena sees every release
	}
	return leases{from: from, kept: keptBytes}
}

func (p *leases) get() *lease {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.idle); n > 0 {
		l := p.idle[n-1]
		p.idle = p.idle[:n-1]
		return l
	}
	l := &lease{floats: shelf[float32]{from: p.from}, masks: shelf[uint64]{from: p.from}, bytes: shelf[byte]{from: p.from}}
	l.block.NewScratch = l.floats.take
	l.block.NewMask = func(n int) kernel.Mask { return l.masks.take(kernel.MaskWords(n)) }
	return l
}

func (p *leases) put(l *lease) {
	l.reset(p.kept)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, l)
}

// close gives the buffers of all idle leases back to the arena.
func (p *leases) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.idle {
		l.reset(-1)
	}
	p.idle = nil
}

func (l *lease) reset(kept int) {
	l.floats.reset(kept)
	l.masks.reset(kept)
	l.bytes.reset(kept)
}

// load makes a block of an action with its operands read, or only those named.
func (r *run) load(ctx context.Context, l *lease, a *action, row, n int, only ...int) (*ops.Block, error) {
	b := &l.block
	b.Index, b.Row, b.Rows, b.Cols = 0, row, n, 0
	b.In, b.Out, b.Rec = slices.Grow(b.In[:0], len(a.in))[:len(a.in)], nil, nil
	clear(b.In)
	if len(a.in) > 0 {
		b.Cols = a.shape().Cols()
		b.Index = row / a.partition().per
	}
	for i, c := range a.in {
		if len(only) > 0 && !slices.Contains(only, i) {
			continue
		}
		if m := a.rowMap(i); m != nil {
			if err := r.gather(ctx, l, c, &b.In[i], m, row, n); err != nil {
				return nil, err
			}
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
