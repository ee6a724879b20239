package merge

import (
	"context"
	"strconv"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/tensor/kernel"
)

// random keeps each element of a delta with the probability of the density, by
// draws that depend on the seed, the tensor's name and the element alone.
type random struct{}

// needed: only rescaling must know the whole tensor.
func (random) needed(rescale bool) bool { return rescale }

func (random) prepare(_ context.Context, _ deltas, parts []part) ([]ops.State, error) {
	return make([]ops.State, len(parts)), nil
}

func (random) keep(x *ops.Pass, b *ops.Block, p part, _ ops.State, d *kernel.Delta) {
	d.Keep = b.Mask(b.Rows * b.Cols)
	x.Key("model "+strconv.Itoa(p.model), "drop").Keep(d.Keep, b.Start(), b.Rows*b.Cols, p.density)
}
