package merge

import (
	"context"
	"errors"
	"math"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/schema"
)

type multislerp struct {
	Base      schema.Ref   `yaml:"base" check:"optional" doc:"merge what the models differ from this one; gives config and tokenizer"`
	Models    []weighted   `yaml:"models" check:"min=1" doc:"models to merge"`
	Normalize bool         `yaml:"normalize_weights" default:"true" doc:"divide the weights by their sum"`
	Eps       schema.Curve `yaml:"eps" default:"1e-8" check:">0" doc:"added to norms, and the length below which directions are taken to cancel"`
}

func init() {
	ops.Add(&Set, ops.Spec[multislerp]{
		Name: "merge.multislerp", Version: 1,
		Summary: "Averages the directions of models and their norms, each with weights.",
		Doc: "With n_i the norm of a tensor (of the model, less the base if there is one) and u_i its direction: y = (sum of w_i n_i) m / |m|, m = sum of w_i u_i, on top of the base. " +
			"The reference then goes to the tangent space at m and back; the tangent vectors at the weighted mean sum to zero, so that this changes nothing but roundings. " +
			"Two models whose directions cancel are added as they are; more are an error.",
		Source:  "mergekit multislerp",
		Example: "op: merge.multislerp\nmodels:\n  - {model: a, weight: 0.5}\n  - {model: b, weight: 0.3}\n  - {model: c, weight: 0.2}\n",
		Rows:    &ops.RowKernel[multislerp]{Prepare: multislerpPrepare, Run: multislerpRows},
	})
}

func (p *multislerp) vectors() vectors { return vectors{p.Base.Name != "", len(p.Models)} }

func multislerpPrepare(ctx context.Context, members []ops.Member[multislerp]) ([]ops.State, error) {
	states := make([]ops.State, len(members))
	for i, m := range members {
		w, active, err := m.Params.weights()
		if err != nil {
			return nil, err
		}
		g, err := m.Params.vectors().gram(ctx, m.Scan)
		if err != nil {
			return nil, err
		}
		if states[i], err = meanDirection(g, w, active, m.Params.Eps.Value()); err != nil {
			return nil, err
		}
	}
	return states, nil
}

// weights returns them, normalised, and how many are not zero.
func (p *multislerp) weights() (w []float64, active int, err error) {
	total := 0.0
	for _, m := range p.Models {
		w = append(w, m.Weight.Value())
		total += m.Weight.Value()
		if m.Weight.Value() != 0 {
			active++
		}
	}
	if !p.Normalize {
		return w, active, nil
	}
	if math.Abs(total) < 1e-8 {
		return nil, 0, errors.New("the weights sum to zero: change one, or say normalize_weights: false")
	}
	for i := range w {
		w[i] /= total
	}
	return w, active, nil
}

// meanDirection returns the coefficients of the vectors. A model alone stays as
// it is.
func meanDirection(g gram, w []float64, active int, eps float64) ([]float64, error) {
	coefs := make([]float64, g.n)
	var norm float64
	for i := range coefs {
		coefs[i] = w[i] / (g.norm(i) + eps)
		norm += float64(w[i] * g.norm(i))
	}
	length := g.length(coefs)
	switch {
	case active == 1:
		for i := range w {
			if w[i] != 0 {
				coefs[i] = 1
			}
		}
		return coefs, nil
	case length < eps && active <= 2 || norm == 0:
		return w, nil
	case length < eps:
		return nil, errors.New("the weighted directions of the models cancel: change a weight")
	}
	for i := range coefs {
		coefs[i] *= norm / length
	}
	return coefs, nil
}

func multislerpRows(p *multislerp, x *ops.Pass, b *ops.Block) error {
	p.vectors().combine(b, x.State)
	return nil
}
