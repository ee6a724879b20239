package merge

import (
	"context"
	"math"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/schema"
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/kernel"
)

type nuslerp struct {
	Base    schema.Ref `yaml:"base" check:"optional" doc:"interpolate what the models differ from this one; gives config and tokenizer"`
	Models  []weighted `yaml:"models" check:"min=2" doc:"the two models"`
	Flatten bool       `yaml:"nuslerp_flatten" default:"true" doc:"take a tensor as one vector"`
	RowWise bool       `yaml:"nuslerp_row_wise" default:"false" doc:"without nuslerp_flatten: vectors along the first dimension instead of the last"`
}

func init() {
	ops.Add(&Set, ops.Spec[nuslerp]{
		Name: "merge.nuslerp", Version: 1,
		Summary: "Interpolates between two models, or two task vectors, along the arc between their directions.",
		Doc: "t = w_1 / (w_0 + w_1), or 1/2 when the weights cancel. With theta the angle between v_0 and v_1: " +
			"y = (sin((1-t) theta) v_0 + sin(t theta) v_1) / sin theta, on a straight line where they are parallel or opposite. " +
			"v_i is a tensor of a model, less the base's if there is one, which is added again; or each of its rows, or each of its columns.",
		Source:  "Shoemake 1985, Animating rotation with quaternion curves; mergekit nuslerp",
		Example: "op: merge.nuslerp\nmodels:\n  - {model: a, weight: 0.7}\n  - {model: b, weight: 0.3}\n",
		Check:   nuslerpCheck,
		Rows:    &ops.RowKernel[nuslerp]{Extent: nuslerpExtent, Prepare: nuslerpPrepare, Run: nuslerpRows},
	})
}

func nuslerpCheck(p *nuslerp) []schema.Problem {
	if len(p.Models) > 2 {
		return []schema.Problem{{Path: "models", Msg: "nuslerp takes two models beside the base", Cure: "merge.multislerp takes more"}}
	}
	return nil
}

func (p *nuslerp) vectors() vectors { return vectors{p.Base.Name != "", 2} }

// t is where between the models the result lies.
func (p *nuslerp) t() float64 {
	w0, w1 := p.Models[0].Weight.Value(), p.Models[1].Weight.Value()
	if math.Abs(w0+w1) < 1e-6 {
		return 0.5
	}
	return w1 / (w0 + w1)
}

func nuslerpExtent(p *nuslerp) ops.Scope {
	if p.Flatten || p.RowWise {
		return ops.Tensor
	}
	return ops.Rows
}

func nuslerpPrepare(ctx context.Context, members []ops.Member[nuslerp]) ([]ops.State, error) {
	states := make([]ops.State, len(members))
	for i, m := range members {
		prepare := nuslerpWhole
		if !m.Params.Flatten {
			prepare = nuslerpColumns
		}
		state, err := prepare(ctx, m.Params, m.Scan)
		if err != nil {
			return nil, err
		}
		states[i] = state
	}
	return states, nil
}

func nuslerpWhole(ctx context.Context, p *nuslerp, scan ops.Scan) (ops.State, error) {
	g, err := p.vectors().gram(ctx, scan)
	return p.shares(g), err
}

// shares returns the coefficients of both vectors.
func (p *nuslerp) shares(g gram) []float64 {
	return p.between(g.at(0, 0), g.at(1, 1), g.at(0, 1))
}

func (p *nuslerp) between(square0, square1, dot float64) []float64 {
	t := p.t()
	c := dot / (max(math.Sqrt(square0), 1e-7) * max(math.Sqrt(square1), 1e-7))
	if t == 0 || t == 1 || 1-float64(c*c) <= 1e-16 || math.IsNaN(c) {
		return []float64{1 - t, t}
	}
	theta := math.Acos(c)
	return []float64{math.Sin((1-t)*theta) / math.Sin(theta), math.Sin(t*theta) / math.Sin(theta)}
}

// nuslerpColumns finds the coefficients of every vector along the first
// dimension: those of the first model, then those of the second.
func nuslerpColumns(ctx context.Context, p *nuslerp, scan ops.Scan) (ops.State, error) {
	width := columns(scan.Pass.Out().Shape)
	sums := ops.Pile{Blocks: scan.Blocks}
	err := scan.Each(ctx, func(b *ops.Block) error {
		part := make([]float64, 3*width)
		xx, yy, xy := part[:width], part[width:2*width], part[2*width:]
		xs := p.vectors().of(b)
		for _, s := range stretches(b, width) {
			kernel.ColumnDots(xx[s.column:s.column+s.columns], yy[s.column:s.column+s.columns], xy[s.column:s.column+s.columns], xs[0][s.from:s.to], xs[1][s.from:s.to])
		}
		sums.Add(b.Index, part)
		return nil
	})
	if err != nil {
		return nil, err
	}
	total, state := sums.Total(3*width), make(ops.State, 2*width)
	for j := range width {
		c := p.between(total[j], total[width+j], total[2*width+j])
		state[j], state[width+j] = c[0], c[1]
	}
	return state, nil
}

func nuslerpRows(p *nuslerp, x *ops.Pass, b *ops.Block) error {
	switch {
	case p.Flatten:
		p.vectors().combine(b, x.State)
	case !p.RowWise:
		p.vectors().combineRows(b, p.shares)
	case p.t() == 0 || p.t() == 1:
		p.vectors().combine(b, []float64{1 - p.t(), p.t()})
	default:
		p.combineColumns(x, b)
	}
	return nil
}

func (p *nuslerp) combineColumns(x *ops.Pass, b *ops.Block) {
	width := len(x.State) / 2
	xs, coefs := p.vectors().of(b), b.Scratch(len(x.State))
	for j, c := range x.State {
		coefs[j] = float32(c)
	}
	for _, s := range stretches(b, width) {
		for at := s.from; at < s.to; at += s.columns {
			to := at + s.columns
			kernel.LerpEach(b.Out[at:to], coefs[s.column:s.column+s.columns], xs[0][at:to], coefs[width+s.column:width+s.column+s.columns], xs[1][at:to])
		}
	}
	if p.Base.Name != "" {
		kernel.Add(b.Out, b.X(0))
	}
}

// stretch is a part of a block: rows of so many columns from column on.
type stretch struct{ from, to, column, columns int }

// stretches parts a block whose tensor has vectors along its first dimension, so
// many of them: whole rows of these, with what is left before and behind.
func stretches(b *ops.Block, width int) (list []stretch) {
	n := b.Rows * b.Cols
	for at := 0; at < n; {
		column := (b.Start() + at) % width
		size := min(width-column, n-at)
		to := at + size
		if size == width {
			to = at + (n-at)/width*width
		}
		list = append(list, stretch{at, to, column, size})
		at = to
	}
	return list
}

// columns is how many vectors along its first dimension a tensor has.
func columns(s tensor.Shape) int {
	if len(s) == 0 || s[0] == 0 {
		return 1
	}
	return max(s.Numel()/s[0], 1)
}
