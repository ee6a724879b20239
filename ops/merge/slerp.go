package merge

import (
	"context"
	"math"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/schema"
	"github.com/rouxml/roux/tensor/kernel"
)

type slerp struct {
	Base  schema.Ref   `yaml:"base" doc:"model at t = 0; gives config and tokenizer"`
	Model schema.Ref   `yaml:"model" doc:"model at t = 1"`
	T     schema.Curve `yaml:"t" check:"0..1" doc:"where between base (0) and model (1) the result lies"`
}

func init() {
	ops.Add(&Set, ops.Spec[slerp]{
		Name: "merge.slerp", Version: 1,
		Summary: "Interpolates between two models along the arc between their directions.",
		Doc: "Each tensor is one vector. With u the unit vectors and d = u0.u1, theta = arccos d: " +
			"y = (sin((1-t) theta) x0 + sin(t theta) x1) / sin theta, of the tensors themselves, so that norms are interpolated too. " +
			"Nearly parallel tensors (|d| > 0.9995) are interpolated on a straight line.",
		Source:  "Shoemake 1985, Animating rotation with quaternion curves; mergekit slerp",
		Example: "op: merge.slerp\nbase: a\nmodel: b\nt: [0, 0.5, 1]\n",
		Rows:    &ops.RowKernel[slerp]{Prepare: slerpPrepare, Run: slerpRows},
	})
}

// slerpPrepare finds the two coefficients of every tensor.
func slerpPrepare(ctx context.Context, members []ops.Member[slerp]) ([]ops.State, error) {
	states := make([]ops.State, len(members))
	for i, m := range members {
		d, err := cosine(ctx, m.Scan)
		if err != nil {
			return nil, err
		}
		s0, s1 := arc(d, m.Params.T.Value())
		states[i] = ops.State{s0, s1}
	}
	return states, nil
}

// cosine is the cosine of the angle between both operands; a vector that is
// all but zero counts with its own length.
func cosine(ctx context.Context, scan ops.Scan) (float64, error) {
	g, err := vectors{false, 2}.gram(ctx, scan)
	return g.at(0, 1) / (lengthOr1(g.at(0, 0)) * lengthOr1(g.at(1, 1))), err
}

func lengthOr1(square float64) float64 {
	if n := math.Sqrt(square); n > 1e-8 {
		return n
	}
	return 1
}

// arc returns the coefficients of both ends.
func arc(d, t float64) (s0, s1 float64) {
	switch {
	case t == 0:
		return 1, 0
	case t == 1:
		return 0, 1
	case math.Abs(d) > 0.9995 || math.IsNaN(d):
		return 1 - t, t
	}
	theta := math.Acos(d)
	return math.Sin((1-t)*theta) / math.Sin(theta), math.Sin(t*theta) / math.Sin(theta)
}

func slerpRows(_ *slerp, x *ops.Pass, b *ops.Block) error {
	s0, s1 := x.State[0], x.State[1]
	switch {
	case s1 == 0:
		copy(b.Out, b.X(0))
	case s0 == 0:
		copy(b.Out, b.X(1))
	default:
		kernel.Lerp2(b.Out, float32(s0), b.X(0), float32(s1), b.X(1))
	}
	return nil
}
