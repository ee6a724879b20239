package merge

import "github.com/rouxml/roux/ops"

type ties struct {
	Shared[Tuned] `yaml:",inline"`
	Normalize     bool `yaml:"normalize" default:"true" doc:"divide each element by the weights of the models that voted for it"`
	Rescale       bool `yaml:"rescale" default:"false" doc:"after dropping, restore each task vector's sum of magnitudes"`
}

func init() {
	ops.Add(&Set, ops.Spec[ties]{
		Name: "merge.ties", Version: 1,
		Summary: "Trims task vectors, elects a sign for each element and adds those that agree.",
		Doc:     "Each task vector keeps its largest elements (density, over the whole tensor, ties to the lowest index), is weighed, and votes: an element counts when its sign is that of the sum. y = base + lambda * mix.",
		Source:  "Yadav et al. 2023, TIES-Merging (arXiv:2306.01708); mergekit ties",
		Example: "op: merge.ties\nbase: base\nmodels:\n  - {model: math, weight: 0.6}\n  - {model: code, weight: 0.4, density: 0.5}\n",
		Rows: pipeline[ties]{
			family: func(p *ties) family { return &p.Shared },
			method: func(p *ties) method {
				return method{sparse: magnitude{}, elect: true, normalize: p.Normalize, rescale: p.Rescale}
			},
		}.kernel(),
	})
}
