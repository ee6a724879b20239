package merge

import (
	"context"
	"math"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/ops/largest"
	"github.com/rouxml/roux/tensor/kernel"
)

// magnitude keeps the largest elements of a delta over the whole tensor,
// exactly as many as the density says, ties by lowest index.
type magnitude struct{}

func (magnitude) needed(bool) bool { return true }

func (magnitude) prepare(ctx context.Context, d deltas, parts []part) ([]ops.State, error) {
	s := largest.Selection{Scans: []ops.Scan{d.scan}}
	for _, p := range parts {
		s.Operand, s.Less = append(s.Operand, p.model+1), append(s.Less, 0)
		s.Keep = append(s.Keep, int(math.Trunc(p.density*float64(d.pass.Out().Shape.Numel()))))
	}
	cuts, err := s.Cuts(ctx)
	if err != nil {
		return nil, err
	}
	states := make([]ops.State, len(parts))
	for i := range cuts {
		states[i] = ops.State{float64(cuts[i][0].Bits), float64(cuts[i][0].Index)}
	}
	return states, nil
}

func (magnitude) keep(_ *ops.Pass, b *ops.Block, p part, state ops.State, d *kernel.Delta) {
	cut := largest.Cut{Bits: uint32(state[0]), Index: int(state[1])}
	if above, ok := cut.Bound(b.Start(), b.Rows*b.Cols); ok {
		d.Above = above
		return
	}
	d.Above, d.Keep = -1, b.Mask(b.Rows*b.Cols)
	cut.Keep(d.Keep, b.Start(), b.Sub(p.model+1, 0))
}
