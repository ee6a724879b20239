package merge

import (
	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/schema"
	"github.com/rouxml/roux/tensor/kernel"
)

type ram struct {
	Base    schema.Ref   `yaml:"base" doc:"model that the others were tuned from; gives config and tokenizer"`
	Models  []schema.Ref `yaml:"models" check:"min=1" doc:"tuned models"`
	Epsilon schema.Curve `yaml:"epsilon" default:"1e-5" check:">=0" doc:"elements of task vectors up to this magnitude are taken as unchanged"`
}

func init() {
	ops.Add(&Set, ops.Spec[ram]{
		Name: "merge.ram", Version: 1,
		Summary: "Adds task vectors in full where one model changed an element, averaged where several did.",
		Doc:     "Of the task vectors' elements with |d_i| > epsilon: y = base + d_i where there is one, base + their mean where there are several, base where there is none.",
		Source:  "Reinforced Agent Merging (arXiv:2601.13572); mergekit ram",
		Example: "op: merge.ram\nbase: base\nmodels: [a, b]\n",
		Rows:    &ops.RowKernel[ram]{Run: ramRows},
	})
}

func ramRows(p *ram, _ *ops.Pass, b *ops.Block) error {
	factors := make([]float32, len(p.Models))
	for i := range factors {
		factors[i] = 1
	}
	reinforce(b, factors, float32(p.Epsilon.Value()))
	return nil
}

// reinforce adds to the base what one model alone changed, times the model's
// factor, and the mean of what several changed.
func reinforce(b *ops.Block, factors []float32, eps float32) {
	v, bound := vectors{true, len(factors)}, kernel.MagnitudeBits(eps)
	if models := v.stored(b); models != nil {
		kernel.ReinforceBF16(b.Out, b.In[0].BF16, models, factors, bound)
		return
	}
	kernel.Reinforce(b.Out, b.X(0), v.of(b), factors, bound)
}
