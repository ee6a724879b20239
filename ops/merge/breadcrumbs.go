package merge

import "github.com/rouxml/roux/ops"

type breadcrumbs struct {
	Crumbs    `yaml:",inline"`
	Normalize bool `yaml:"normalize" default:"false" doc:"divide by the sum of the weights"`
	Rescale   bool `yaml:"rescale" default:"false" doc:"after dropping, restore each task vector's sum of magnitudes"`
}

func init() {
	ops.Add(&Set, ops.Spec[breadcrumbs]{
		Name: "merge.breadcrumbs", Version: 2,
		Summary: "Drops the outliers and the small elements of task vectors and adds the rest.",
		Doc:     "Each task vector loses its largest elements (gamma) and keeps the next largest (density), over the whole tensor, ties by index; where density and gamma together exceed 1, fewer outliers are dropped. y = base + lambda * sum of w_i d_i.",
		Source:  "Davari and Belilovsky 2023, Model Breadcrumbs (arXiv:2312.06795); mergekit breadcrumbs",
		Example: "op: merge.breadcrumbs\nbase: base\nmodels:\n  - {model: math, weight: 0.6, density: 0.9}\n  - {model: code, weight: 0.4, density: 0.5, gamma: 0.02}\n",
		Rows: pipeline[breadcrumbs]{
			family: func(p *breadcrumbs) family { return &p.Shared },
			method: func(p *breadcrumbs) method {
				return method{sparse: p.sparse(), normalize: p.Normalize, rescale: p.Rescale}
			},
		}.kernel(),
	})
}
