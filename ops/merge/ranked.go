package merge

import (
	"context"
	"fmt"
	"strconv"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/schema"
	"github.com/rouxml/roux/tensor/kernel"
	"github.com/rouxml/roux/tensor/rng"
)

// Spread is a tuned model whose elements are dropped by rank.
type Spread struct {
	Tuned   `yaml:",inline"`
	Epsilon schema.Curve `yaml:"epsilon" check:"optional,>=0,<=1" doc:"how far the probability of being kept lies below the density for a row's smallest element, and above it for the largest; default: the step's epsilon, or 0.15"`
}

// Ranked is the params that both merges by DELLA share.
type Ranked struct {
	Shared[Spread] `yaml:",inline"`
	Epsilon        schema.Curve `yaml:"epsilon" check:">=0,<=1" default:"0.15" doc:"epsilon of models that give none"`
}

func (r *Ranked) epsilon(i int) float64 { return own(r.Models[i].Epsilon, r.Epsilon) }

// check looks at what is the same for all tensors; prepare at the rest.
func (r *Ranked) check() []schema.Problem {
	constant := func(model, step schema.Curve) bool {
		return model.IsSet() && model.Constant() || !model.IsSet() && step.Constant()
	}
	var problems []schema.Problem
	for i, m := range r.Models {
		if absent := constant(m.Weight, r.Weight) && r.weight(i) == 0; !absent && constant(m.Density, r.Density) && constant(m.Epsilon, r.Epsilon) {
			if err := reach(r.density(i), r.epsilon(i)); err != nil {
				problems = append(problems, schema.Problem{Path: fmt.Sprintf("models[%d]", i), Msg: err.Error(), Cure: "lower epsilon, or set the density to 1 to keep all"})
			}
		}
	}
	return problems
}

// reach says whether the probabilities of all ranks are between 0 and 1, which
// mergekit does not count as between.
func reach(density, epsilon float64) error {
	if density < 1 && (density-epsilon <= 0 || density+epsilon >= 1) {
		return fmt.Errorf("density %v with epsilon %v: elements would be kept with probabilities from %.4g to %.4g, which must lie between 0 and 1", density, epsilon, density-epsilon, density+epsilon)
	}
	return nil
}

// ranked keeps each element of a delta with a probability that rises with the
// rank of its magnitude in its row, from density - epsilon to density + epsilon.
type ranked struct{ epsilon func(model int) float64 }

// needed: there is always something to check.
func (ranked) needed(bool) bool { return true }

func (r ranked) prepare(_ context.Context, _ deltas, parts []part) ([]ops.State, error) {
	for _, p := range parts {
		if err := reach(p.density, r.epsilon(p.model)); err != nil {
			return nil, fmt.Errorf("model %d: %w", p.model+1, err)
		}
	}
	return make([]ops.State, len(parts)), nil
}

// keep draws a number for each element: below what any rank would keep, it
// keeps; above what any would, it does not; between, it keeps the elements that
// are above another of the row, drawn at random. That happens with the
// probability rank/(columns-1), and nothing need be sorted.
func (r ranked) keep(x *ops.Pass, b *ops.Block, p part, _ ops.State, d *kernel.Delta) {
	n, epsilon, role := b.Rows*b.Cols, r.epsilon(p.model), "model "+strconv.Itoa(p.model)
	key := x.Key(role, "drop")
	d.Keep = b.Mask(n)
	if b.Cols == 1 { // no other element: the middle rank
		key.Keep(d.Keep, b.Start(), n, p.density)
		return
	}
	open, above := b.Mask(n), b.Mask(n)
	key.Below(d.Keep, open, b.Start(), n, p.density-epsilon, p.density+epsilon)
	clear(above)
	r.above(b, p.model+1, above, x.Key(role, "other"))
	d.Keep.Add(open, above)
}

// above finds the elements of operand i, less the base, that are above others.
func (ranked) above(b *ops.Block, i int, above kernel.Mask, key rng.Key) {
	row := b.Scratch(b.Cols + kernel.OthersRoom)
	// So many words are drawn fast, and from multiples of four.
	const together = 64
	each := (b.Cols + 4*kernel.OthersRoom - 1) / (4 * kernel.OthersRoom) * 4
	draws := b.Words((b.Rows*each + together - 1) / together * together)
	key.Words(draws, b.Row*each)
	x, base := b.In[i].BF16, b.In[0].BF16
	for r := range b.Rows {
		from, to := r*b.Cols, (r+1)*b.Cols
		if x != nil && base != nil {
			kernel.SubBF16(row[:b.Cols], x[2*from:2*to], base[2*from:2*to])
		} else {
			copy(row, b.Sub(i, 0)[from:to])
		}
		kernel.AboveOthers(above, from, row, draws[r*each:])
	}
}
