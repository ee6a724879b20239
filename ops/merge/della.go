package merge

import (
	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/schema"
)

type della struct {
	Ranked    `yaml:",inline"`
	Normalize bool `yaml:"normalize" default:"true" doc:"divide each element by the weights of the models that voted for it"`
	Rescale   bool `yaml:"rescale" default:"true" doc:"after dropping, restore each task vector's sum of magnitudes"`
}

func init() {
	ops.Add(&Set, ops.Spec[della]{
		Name: "merge.della", Version: 2,
		Summary: "Drops elements of task vectors at random, small ones more often, then elects signs as TIES does.",
		Doc:     "Each element of a task vector is kept with a probability that rises with the rank of its magnitude in its row, from density - epsilon for the smallest to density + epsilon for the largest; both must lie between 0 and 1. Each element has just this probability, drawn against another element of its row; 16 neighbours are drawn against 16 neighbours, so that where a row's magnitudes rise and fall slowly along it theirs are not independent. What is kept is rescaled so that the sum of magnitudes of the tensor stays. Then only elements whose sign is that of the weighted sum are added. y = base + lambda * mix.",
		Source:  "Deep et al. 2024, DELLA-Merging (arXiv:2406.11617); mergekit della",
		Example: "op: merge.della\nbase: base\nmodels:\n  - {model: math, weight: 0.6, density: 0.7}\n  - {model: code, weight: 0.4, density: 0.5, epsilon: 0.2}\n",
		Random:  true,
		Check:   func(p *della) []schema.Problem { return p.check() },
		Rows: pipeline[della]{
			family: func(p *della) family { return &p.Shared },
			method: func(p *della) method {
				return method{sparse: ranked{p.epsilon}, elect: true, normalize: p.Normalize, rescale: p.Rescale}
			},
		}.kernel(),
	})
}
