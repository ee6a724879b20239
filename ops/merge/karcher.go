package merge

import (
	"context"
	"math"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/schema"
)

type karcher struct {
	Models  []schema.Ref `yaml:"models" check:"min=1" doc:"models to average; the first gives config and tokenizer"`
	MaxIter int          `yaml:"max_iter" default:"10" check:">=0" doc:"steps at most"`
	Tol     schema.Curve `yaml:"tol" default:"1e-5" check:">0" doc:"angle, in radians, of a step that is the last; models with a smaller norm lend no direction"`
}

func init() {
	ops.Add(&Set, ops.Spec[karcher]{
		Name: "merge.karcher", Version: 1,
		Summary: "Averages the directions of models on the sphere, and their norms.",
		Doc: "The Karcher mean is the direction whose squared angles to those of all models have the smallest sum. It is found by steps along the mean of the tangent vectors, " +
			"from the direction of the plain mean; y is that direction times the mean norm. Steps work on the products of all pairs of models, in float64, and read no weights.",
		Source:  "Karcher 1977, Riemannian center of mass and mollifier smoothing; mergekit karcher",
		Example: "op: merge.karcher\nmodels: [a, b, c]\n",
		Rows:    &ops.RowKernel[karcher]{Prepare: karcherPrepare, Run: karcherRows},
	})
}

func (p *karcher) vectors() vectors { return vectors{false, len(p.Models)} }

func karcherPrepare(ctx context.Context, members []ops.Member[karcher]) ([]ops.State, error) {
	states := make([]ops.State, len(members))
	for i, m := range members {
		g, err := m.Params.vectors().gram(ctx, m.Scan)
		if err != nil {
			return nil, err
		}
		states[i] = karcherShares(g, m.Params.MaxIter, m.Params.Tol.Value())
	}
	return states, nil
}

// karcherShares returns the coefficients of the models.
func karcherShares(g gram, steps int, tol float64) []float64 {
	if g.n == 1 {
		return []float64{1}
	}
	units, norm := sphere{product: gram{g.n, make([]float64, g.n*g.n)}, tol: tol}, 0.0
	for i := range g.n {
		norm += g.norm(i) / float64(g.n)
		if g.norm(i) > tol {
			units.members = append(units.members, i)
		}
	}
	if len(units.members) == 0 {
		return make([]float64, g.n)
	}
	for _, i := range units.members {
		for _, j := range units.members {
			units.product.product[i*g.n+j] = g.at(i, j) / (g.norm(i) * g.norm(j))
		}
	}
	coefs := units.mean(steps)
	for _, i := range units.members {
		coefs[i] *= norm / g.norm(i)
	}
	return coefs
}

// sphere holds directions by the products of their pairs; any direction in
// their span is given by coefficients.
type sphere struct {
	product gram
	members []int // those that are directions, one at least
	tol     float64
}

func (s sphere) mean(steps int) []float64 {
	mean := make([]float64, s.product.n)
	for _, i := range s.members {
		mean[i] = 1 / float64(len(s.members))
	}
	if s.product.length(mean) < s.tol { // they cancel: any is as good
		clear(mean)
		mean[s.members[0]] = 1
	}
	s.normalise(mean)
	for range steps {
		tangent := s.tangent(mean)
		angle := s.product.length(tangent)
		if angle < s.tol || math.IsNaN(angle) {
			break
		}
		for i := range mean {
			mean[i] = float64(math.Cos(angle)*mean[i]) + float64(math.Sin(angle)*tangent[i]/angle)
		}
		s.normalise(mean)
	}
	return mean
}

func (s sphere) normalise(c []float64) {
	length := s.product.length(c)
	for i := range c {
		c[i] /= length
	}
}

// tangent is the mean of the vectors from a direction to all others, along the
// sphere. One just opposite pulls no way rather than any.
func (s sphere) tangent(at []float64) []float64 {
	sum := make([]float64, len(at))
	alpha := 1 / float64(len(s.members))
	for _, i := range s.members {
		var dot float64
		for j, c := range at {
			dot += float64(c * s.product.at(i, j))
		}
		dot = min(max(dot, -1), 1)
		theta := math.Acos(dot)
		if theta < s.tol || math.Pi-theta < s.tol {
			continue
		}
		pull := alpha * theta / math.Sin(theta)
		for j, c := range at {
			sum[j] -= float64(pull * dot * c)
		}
		sum[i] += pull
	}
	return sum
}

func karcherRows(p *karcher, x *ops.Pass, b *ops.Block) error {
	p.vectors().combine(b, x.State)
	return nil
}
