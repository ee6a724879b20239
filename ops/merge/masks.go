package merge

import (
	"sync/atomic"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/tensor/kernel"
)

// masks is what a scan of a tensor found to be kept, by model: its rows then
// need not be ranked and drawn again.
type masks struct {
	of     map[int]kernel.Mask
	missed atomic.Bool
}

// masks makes room for the masks of all parts, or returns nil when they may not
// be held or would not fit.
func (d deltas) masks(parts []part) *masks {
	words := kernel.MaskWords(d.pass.Out().Shape.Numel())
	if d.scan.Hold == nil || len(parts)*words*8 > ops.HoldMemory {
		return nil
	}
	m := &masks{of: map[int]kernel.Mask{}}
	for _, p := range parts {
		m.of[p.model] = d.scan.Hold(words)
	}
	return m
}

// put adds a block's mask; a block that is told by bounds, or does not begin
// and end with words of the mask, makes all useless.
func (m *masks) put(b *ops.Block, model int, kept kernel.Delta) {
	if m == nil {
		return
	}
	start, n := b.Start(), b.Rows*b.Cols
	to := m.of[model]
	if !masked(kept) || start%64 != 0 || (n%64 != 0 && (start+n+63)/64 != len(to)) {
		m.missed.Store(true)
		return
	}
	copy(to[start/64:], kept.Keep[:kernel.MaskWords(n)])
}

// leave hands complete masks to the rows of the tensor.
func (m *masks) leave(x *ops.Pass) {
	if m != nil && !m.missed.Load() {
		x.Hold(m)
	}
}

// get returns the mask of a block, or nil where none is held.
func (m *masks) get(b *ops.Block, model int) kernel.Mask {
	start := b.Start()
	if start%64 != 0 || m.of[model] == nil {
		return nil
	}
	return m.of[model][start/64:][:kernel.MaskWords(b.Rows*b.Cols)]
}
