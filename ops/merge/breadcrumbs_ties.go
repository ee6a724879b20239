package merge

import "github.com/rouxml/roux/ops"

type breadcrumbsTies struct {
	Crumbs    `yaml:",inline"`
	Normalize bool `yaml:"normalize" default:"false" doc:"divide each element by the weights of the models that voted for it"`
	Rescale   bool `yaml:"rescale" default:"false" doc:"after dropping, restore each task vector's sum of magnitudes"`
}

func init() {
	ops.Add(&Set, ops.Spec[breadcrumbsTies]{
		Name: "merge.breadcrumbs_ties", Version: 2,
		Summary: "Drops the outliers and the small elements of task vectors, then elects signs as TIES does.",
		Doc:     "Each task vector loses its largest elements (gamma) and keeps the next largest (density), over the whole tensor, ties by index; where density and gamma together exceed 1, fewer outliers are dropped. Then only elements whose sign is that of the weighted sum are added. y = base + lambda * mix.",
		Source:  "Davari and Belilovsky 2023, Model Breadcrumbs (arXiv:2312.06795); mergekit breadcrumbs_ties",
		Example: "op: merge.breadcrumbs_ties\nbase: base\nmodels:\n  - {model: math, weight: 0.6, density: 0.9}\n  - {model: code, weight: 0.4, density: 0.5, gamma: 0.02}\n",
		Rows: pipeline[breadcrumbsTies]{
			family: func(p *breadcrumbsTies) family { return &p.Shared },
			method: func(p *breadcrumbsTies) method {
				return method{sparse: p.sparse(), elect: true, normalize: p.Normalize, rescale: p.Rescale}
			},
		}.kernel(),
	})
}
