package merge

import (
	"context"
	"math"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/ops/largest"
	"github.com/rouxml/roux/schema"
	"github.com/rouxml/roux/tensor/kernel"
)

type arceeFusion struct {
	Base  schema.Ref `yaml:"base" doc:"model that is changed; gives config and tokenizer"`
	Model schema.Ref `yaml:"model" doc:"model whose weights are taken where they matter"`
}

func init() {
	ops.Add(&Set, ops.Spec[arceeFusion]{
		Name: "merge.arcee_fusion", Version: 2,
		Summary: "Takes another model's weights where they differ most, in the rows that differ most.",
		Doc: "The score of an element is |x - base| times the Kullback-Leibler divergence of its row: of softmax(x) from softmax(base), to each of which 1e-8 is added. " +
			"Elements whose score is at least median + 1.5 (upper - lower quartile) over the tensor come from the model, all others from the base. " +
			"Quartiles are those of all elements, however many, and divergences are computed so that nothing cancels: as the formula stands, in float32, that of two close models is mostly rounding.",
		Source:  "Arcee AI 2024, Arcee Fusion; mergekit arcee_fusion",
		Example: "op: merge.arcee_fusion\nbase: a\nmodel: b\n",
		Rows:    &ops.RowKernel[arceeFusion]{Prepare: fusionPrepare, Run: fusionRows},
	})
}

// fusionPrepare finds the threshold, and then the divergence of every row.
func fusionPrepare(ctx context.Context, members []ops.Member[arceeFusion]) ([]ops.State, error) {
	states := make([]ops.State, len(members))
	for i, m := range members {
		state := make(ops.State, 1+m.Scan.Pass.Out().Shape.Rows())
		if err := divergences(ctx, m.Scan, state[1:]); err != nil {
			return nil, err
		}
		quartiles, err := fusionQuartiles(ctx, m.Scan, state[1:])
		if err != nil {
			return nil, err
		}
		spread := float32(1.5 * (quartiles[2] - quartiles[0]))
		state[0] = float64(quartiles[1] + spread)
		states[i] = state
	}
	return states, nil
}

// divergences fills one number for each row.
func divergences(ctx context.Context, scan ops.Scan, rows []float64) error {
	const eps = 1e-8
	return scan.Each(ctx, func(b *ops.Block) error {
		base, model, room := b.X(0), b.X(1), b.Scratch(2*b.Cols)
		for i := range b.Rows {
			from, to := i*b.Cols, (i+1)*b.Cols
			rows[b.Row+i] = kernel.Divergence(model[from:to], base[from:to], room, eps)
		}
		return nil
	})
}

// fusionQuartiles returns the scores at the lower quartile, the median and the
// upper quartile, each that of an element, the lower where it falls between.
func fusionQuartiles(ctx context.Context, scan ops.Scan, rows []float64) (quartiles [3]float32, err error) {
	n := scan.Pass.Out().Shape.Numel()
	s := largest.Selection{Scans: []ops.Scan{scan}, Of: func(b *ops.Block) []float32 { return scores(b, rows) }}
	for q := range quartiles {
		s.Keep = append(s.Keep, n-(q+1)*(n-1)/4)
	}
	cuts, err := s.Cuts(ctx)
	if err != nil {
		return quartiles, err
	}
	for q := range quartiles {
		quartiles[q] = math.Float32frombits(cuts[q][0].Bits)
	}
	return quartiles, nil
}

// scores is those of a block's elements, with any sign.
func scores(b *ops.Block, rows []float64) []float32 {
	s := b.Scratch(b.Rows * b.Cols)
	if base, model := b.In[0].BF16, b.In[1].BF16; base != nil && model != nil {
		kernel.SubBF16(s, model, base)
	} else {
		kernel.Sub(s, b.X(1), b.X(0))
	}
	for i := range b.Rows {
		kernel.Scale(s[i*b.Cols:(i+1)*b.Cols], float32(rows[b.Row+i]))
	}
	return s
}

// fusionRows takes no element whose score is NaN.
func fusionRows(_ *arceeFusion, x *ops.Pass, b *ops.Block) error {
	const infinite = 0x7f800000
	threshold, s := float32(x.State[0]), scores(b, x.State[1:])
	taken, none := b.Mask(len(s)), b.Mask(len(s))
	kernel.KeepAbove(taken, s, int32(kernel.MagnitudeBits(threshold))-1)
	kernel.KeepAbove(none, s, infinite)
	taken.Less(none)
	if math.IsNaN(x.State[0]) {
		clear(taken)
	}
	kernel.Choose(b.Out, b.X(0), b.X(1), taken)
	return nil
}
