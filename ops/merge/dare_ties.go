package merge

import "github.com/rouxml/roux/ops"

type dareTies struct {
	Shared[Tuned] `yaml:",inline"`
	Normalize     bool `yaml:"normalize" default:"false" doc:"divide each element by the weights of the models that voted for it"`
	Rescale       bool `yaml:"rescale" default:"true" doc:"after dropping, restore each task vector's sum of magnitudes"`
}

func init() {
	ops.Add(&Set, ops.Spec[dareTies]{
		Name: "merge.dare_ties", Version: 2,
		Summary: "Drops elements of task vectors at random, then elects signs as TIES does.",
		Doc:     "Each element of a task vector is kept with the probability of the density and rescaled so that the sum of magnitudes stays; then only elements whose sign is that of the weighted sum are added.",
		Source:  "Yu et al. 2024, DARE (arXiv:2311.03099); mergekit dare_ties",
		Example: "op: merge.dare_ties\nbase: base\nmodels:\n  - {model: math, weight: 0.6}\n  - {model: code, weight: 0.4, density: 0.5}\n",
		Random:  true,
		Rows: pipeline[dareTies]{
			family: func(p *dareTies) family { return &p.Shared },
			method: func(p *dareTies) method {
				return method{sparse: random{}, elect: true, normalize: p.Normalize, rescale: p.Rescale}
			},
		}.kernel(),
	})
}
