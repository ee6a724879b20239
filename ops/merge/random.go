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
func (random) needed(_ float64, rescale bool) bool { return rescale }

func (r random) prepare(ctx context.Context, d deltas, model int, density float64, _ bool) ([]float64, error) {
	f, err := rescaling(ctx, d, model, func(b *ops.Block, delta []float32) { r.drop(d.pass, b, model, density, delta) })
	return []float64{f}, err
}

func (random) drop(x *ops.Pass, b *ops.Block, model int, density float64, delta []float32) {
	x.Key("model "+strconv.Itoa(model), "drop").Drop(b.Start(), density, delta)
}

func (r random) apply(x *ops.Pass, b *ops.Block, model int, density float64, state []float64, delta []float32) {
	r.drop(x, b, model, density, delta)
	if len(state) > 0 && state[0] != 1 {
		kernel.Scale(delta, float32(state[0]))
	}
}
