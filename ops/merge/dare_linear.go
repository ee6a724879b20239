package merge

import "github.com/rouxml/roux/ops"

type dareLinear struct {
	Shared[Tuned] `yaml:",inline"`
	Normalize     bool `yaml:"normalize" default:"false" doc:"divide by the sum of the weights"`
	Rescale       bool `yaml:"rescale" default:"true" doc:"after dropping, restore each task vector's sum of magnitudes"`
}

func init() {
	ops.Add(&Set, ops.Spec[dareLinear]{
		Name: "merge.dare_linear", Version: 2,
		Summary: "Drops elements of task vectors at random, rescales the rest and adds them.",
		Doc:     "Each element of a task vector is kept with the probability of the density; what is kept is rescaled so that the sum of magnitudes of the tensor stays. y = base + lambda * sum of w_i d_i.",
		Source:  "Yu et al. 2024, DARE (arXiv:2311.03099); mergekit dare_linear",
		Example: "op: merge.dare_linear\nbase: base\nmodels:\n  - {model: math, weight: 0.6}\n  - {model: code, weight: 0.4, density: 0.5}\n",
		Random:  true,
		Rows: pipeline[dareLinear]{
			family: func(p *dareLinear) family { return &p.Shared },
			method: func(p *dareLinear) method {
				return method{sparse: random{}, normalize: p.Normalize, rescale: p.Rescale}
			},
		}.kernel(),
	})
}
