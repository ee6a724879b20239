package merge

import (
	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/schema"
)

type dellaLinear struct {
	Ranked    `yaml:",inline"`
	Normalize bool `yaml:"normalize" default:"false" doc:"divide by the sum of the weights"`
	Rescale   bool `yaml:"rescale" default:"true" doc:"after dropping, restore each task vector's sum of magnitudes"`
}

func init() {
	ops.Add(&Set, ops.Spec[dellaLinear]{
		Name: "merge.della_linear", Version: 2,
		Summary: "Drops elements of task vectors at random, small ones more often, rescales the rest and adds them.",
		Doc:     "Each element of a task vector is kept with a probability that rises with the rank of its magnitude in its row, from density - epsilon for the smallest to density + epsilon for the largest; both must lie between 0 and 1. Each element has just this probability, drawn against another element of its row; 16 neighbours are drawn against 16 neighbours, so that where a row's magnitudes rise and fall slowly along it theirs are not independent. What is kept is rescaled so that the sum of magnitudes of the tensor stays. y = base + lambda * sum of w_i d_i.",
		Source:  "Deep et al. 2024, DELLA-Merging (arXiv:2406.11617); mergekit della_linear",
		Example: "op: merge.della_linear\nbase: base\nmodels:\n  - {model: math, weight: 0.6, density: 0.7}\n  - {model: code, weight: 0.4, density: 0.5, epsilon: 0.2}\n",
		Random:  true,
		Check:   func(p *dellaLinear) []schema.Problem { return p.check() },
		Rows: pipeline[dellaLinear]{
			family: func(p *dellaLinear) family { return &p.Shared },
			method: func(p *dellaLinear) method {
				return method{sparse: ranked{p.epsilon}, normalize: p.Normalize, rescale: p.Rescale}
			},
		}.kernel(),
	})
}
