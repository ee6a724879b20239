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
		Name: "merge.arcee_fusion", Version: 1,
		Summary: "Takes another model's weights where they differ most, in the rows that differ most.",
		Doc: "The score of an element is |x - base| times the Kullback-Leibler divergence of its row: of softmax(x) from softmax(base), to each of which 1e-8 is added. " +
			"Elements whose score is at least median + 1.5 (upper - lower quartile) over the tensor come from the model, all others from the base. " +
			"Quartiles are those of all elements, however many, and divergences are computed in float64: in float32, that of two close models is mostly rounding.",
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
	return scan.Each(ctx, func(b *ops.Block) error {
		p, q := make([]float64, b.Cols), make([]float64, b.Cols)
		for i := range b.Rows {
			softmax(p, b.X(1)[i*b.Cols:(i+1)*b.Cols])
			softmax(q, b.X(0)[i*b.Cols:(i+1)*b.Cols])
			rows[b.Row+i] = divergence(p, q)
		}
		return nil
	})
}

func softmax(p []float64, x []float32) {
	largest := math.Inf(-1)
	for _, v := range x {
		largest = max(largest, float64(v))
	}
	var sum float64
	for i, v := range x {
		p[i] = math.Exp(float64(v) - largest)
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
}

// divergence is never negative, whatever rounding says.
func divergence(p, q []float64) float64 {
	const eps = 1e-8
	var sum float64
	for i := range p {
		a, b := p[i]+eps, q[i]+eps
		sum += float64(a * math.Log(a/b))
	}
	return max(sum, 0)
}

// fusionQuartiles returns the scores at the lower quartile, the median and the
// upper quartile, each that of an element, the lower where it falls between.
func fusionQuartiles(ctx context.Context, scan ops.Scan, rows []float64) (quartiles [3]float32, err error) {
	n := scan.Pass.Out().Shape.Numel()
	s := largest.Selection{Scans: []ops.Scan{scan}, Of: func(b *ops.Block, _ int) []float32 { return scores(b, rows) }}
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

func scores(b *ops.Block, rows []float64) []float32 {
	s := b.Scratch(b.Rows * b.Cols)
	kernel.Sub(s, b.X(1), b.X(0))
	for i := range b.Rows {
		row, d := s[i*b.Cols:(i+1)*b.Cols], float32(rows[b.Row+i])
		for j, v := range row {
			row[j] = masked(v, 0x7fffffff) * d
		}
	}
	return s
}

func fusionRows(_ *arceeFusion, x *ops.Pass, b *ops.Block) error {
	threshold, base, model := float32(x.State[0]), b.X(0), b.X(1)
	for i, s := range scores(b, x.State[1:]) {
		b.Out[i] = base[i]
		if s >= threshold {
			b.Out[i] = model[i]
		}
	}
	return nil
}
