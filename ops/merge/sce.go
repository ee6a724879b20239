package merge

import (
	"context"
	"math"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/ops/largest"
	"github.com/rouxml/roux/schema"
	"github.com/rouxml/roux/tensor/kernel"
)

type sce struct {
	Base       schema.Ref   `yaml:"base" doc:"model that the others were tuned from; gives config and tokenizer"`
	Models     []schema.Ref `yaml:"models" check:"min=1" doc:"tuned models"`
	SelectTopk schema.Curve `yaml:"select_topk" default:"1" check:"0..1" doc:"share of the elements in which the models differ at all that is kept: those in which they differ most"`
	Int8Mask   bool         `yaml:"int8_mask" default:"false" doc:"accepted for mergekit's files; changes nothing"`
}

func init() {
	ops.Add(&Set, ops.Spec[sce]{
		Name: "merge.sce", Version: 2,
		Summary: "Selects elements by variance, weighs models by their energy and elects signs.",
		Doc: "Select: of the elements whose variance over the task vectors is not zero, the share select_topk with the largest variance is kept, in all models, ties to the lowest index; at 1 all elements are. " +
			"Calculate: a model's weight is the mean square of its kept task vector; where these sum to less than 1e-6, as with small changes, all weigh the same. " +
			"Erase: an element counts only in models whose sign is that of the plain sum. y = base + sum of w_i d_i / sum of w_i, over those that count. Where nothing is kept, the base stays.",
		Source:  "Wan et al. 2024, FuseChat (arXiv:2408.07990); mergekit sce",
		Example: "op: merge.sce\nbase: base\nmodels: [a, b, c]\nselect_topk: 0.1\n",
		Rows:    &ops.RowKernel[sce]{Prepare: scePrepare, Run: sceRows},
	})
}

func (p *sce) vectors() vectors { return vectors{true, len(p.Models)} }

// Of a state, the first two numbers are the cut, the others the weights.
const sceWeights = 2

func scePrepare(ctx context.Context, members []ops.Member[sce]) ([]ops.State, error) {
	states := make([]ops.State, len(members))
	for i, m := range members {
		cut, err := m.Params.cut(ctx, m.Scan)
		if err != nil {
			return nil, err
		}
		weights, err := m.Params.weights(ctx, m.Scan, cut)
		if err != nil {
			return nil, err
		}
		states[i] = append(ops.State{float64(cut.Bits), float64(cut.Index)}, weights...)
	}
	return states, nil
}

// Two cuts need no variances. An element that is selected has one, so that no
// other cut looks like everything.
func everything(c largest.Cut) bool { return c.Bits == 0 }

func nothing() largest.Cut { return largest.Cut{Bits: math.MaxInt32} }

// cut finds which elements are kept.
func (p *sce) cut(ctx context.Context, scan ops.Scan) (largest.Cut, error) {
	share := p.SelectTopk.Value()
	switch share {
	case 1:
		return largest.Cut{}, nil
	case 0:
		return nothing(), nil
	}
	// The reference multiplies in float32, which decides where a product is whole.
	keep := func(varied int) int { return min(int(float32(varied)*float32(share)), varied) }
	cuts, err := largest.Selection{Scans: []ops.Scan{scan}, Of: p.variance, KeepOf: keep}.Cuts(ctx)
	if err != nil {
		return nothing(), err
	}
	return cuts[0][0], nil
}

// variance is that of the task vectors in each element of a block. It is taken
// around the first of them: where all are equal it is zero, without rounding.
func (p *sce) variance(b *ops.Block) []float32 {
	out := b.Scratch(b.Rows * b.Cols)
	if models := p.vectors().stored(b); models != nil {
		kernel.VarianceBF16(out, b.In[0].BF16, models)
	} else {
		kernel.Variance(out, p.vectors().of(b))
	}
	return out
}

// kept is which elements are kept; nil is all.
func (p *sce) kept(b *ops.Block, cut largest.Cut) kernel.Mask {
	if everything(cut) {
		return nil
	}
	mask := b.Mask(b.Rows * b.Cols)
	if cut == nothing() {
		clear(mask)
	} else {
		cut.Keep(mask, b.Start(), p.variance(b))
	}
	return mask
}

// weights are the models' shares of the mean squares of what is kept.
func (p *sce) weights(ctx context.Context, scan ops.Scan, cut largest.Cut) ([]float64, error) {
	squares := make([][]float64, scan.Blocks)
	err := scan.Each(ctx, func(b *ops.Block) error {
		keep := p.kept(b, cut)
		for _, x := range p.vectors().of(b) {
			if keep == nil {
				squares[b.Index] = append(squares[b.Index], kernel.Norm2(x))
			} else {
				squares[b.Index] = append(squares[b.Index], kernel.SquareSum(x, keep))
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	weights, n, sum := make([]float64, len(p.Models)), float64(scan.Pass.Out().Shape.Numel()), 0.0
	for i := range weights {
		for _, s := range squares {
			weights[i] += s[i]
		}
		weights[i] /= n
		sum += weights[i]
	}
	for i := range weights {
		if sum < 1e-6 {
			weights[i] = 1 / float64(len(weights))
		} else {
			weights[i] /= sum
		}
	}
	return weights, nil
}

// sceRows elects: an element counts in models whose sign is that of the plain
// sum.
func sceRows(p *sce, x *ops.Pass, b *ops.Block) error {
	cut := largest.Cut{Bits: uint32(x.State[0]), Index: int(x.State[1])}
	keep, stored, deltas := p.kept(b, cut), p.vectors().stored(b), make([]kernel.Delta, len(p.Models))
	for i := range deltas {
		deltas[i] = kernel.Delta{Above: -1, Keep: keep, Rescale: 1, Weight: float32(x.State[sceWeights+i])}
		if stored != nil {
			deltas[i].Raw = stored[i]
		} else {
			deltas[i].X = b.Sub(i+1, 0)
		}
	}
	mix := kernel.Mix{Elect: true, Unweighed: true, Lambda: 1}
	if stored != nil {
		mix.IntoRaw(b.Out, b.In[0].BF16, deltas)
	} else {
		mix.Into(b.Out, b.X(0), deltas)
	}
	return nil
}
