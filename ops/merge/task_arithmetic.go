package merge

import "github.com/rouxml/roux/ops"

type taskArithmetic struct {
	Shared[Tuned] `yaml:",inline"`
	Normalize     bool `yaml:"normalize" default:"false" doc:"divide by the sum of the weights"`
	Rescale       bool `yaml:"rescale" default:"false" doc:"after dropping, restore each task vector's sum of magnitudes"`
}

func init() {
	ops.Add(&Set, ops.Spec[taskArithmetic]{
		Name: "merge.task_arithmetic", Version: 1,
		Summary: "Adds weighted task vectors to the base.",
		Doc:     "y = base + lambda * sum of w_i (x_i - base), divided by the sum of w_i when normalize is on. Density changes nothing.",
		Source:  "Ilharco et al. 2023, Editing models with task arithmetic (arXiv:2212.04089); mergekit task_arithmetic",
		Example: "op: merge.task_arithmetic\nbase: base\nmodels:\n  - {model: math, weight: 0.6}\n  - {model: code, weight: 0.4}\n",
		Rows: pipeline[taskArithmetic]{
			family: func(p *taskArithmetic) family { return &p.Shared },
			method: func(p *taskArithmetic) method {
				return method{normalize: p.Normalize, rescale: p.Rescale}
			},
		}.kernel(),
	})
}
