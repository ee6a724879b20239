package merge

import (
	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/schema"
	"github.com/rouxml/roux/tensor/kernel"
)

type nearswap struct {
	Base  schema.Ref   `yaml:"base" doc:"model that is changed; gives config and tokenizer"`
	Model schema.Ref   `yaml:"model" doc:"model whose weights are taken where they are near"`
	T     schema.Curve `yaml:"t" check:">=0" doc:"distance up to which weights are swapped in full"`
}

func init() {
	ops.Add(&Set, ops.Spec[nearswap]{
		Name: "merge.nearswap", Version: 1,
		Summary: "Takes another model's weights where they are near the base's, and less of them the farther they are.",
		Doc:     "y = k x + (1 - k) base with k = t / |x - base|, at most 1. Differences below 1e-6 count as that.",
		Source:  "alchemonaut 2024, QuartetAnemoi-70B-t0.0001 (model card); mergekit nearswap",
		Example: "op: merge.nearswap\nbase: a\nmodel: b\nt: 0.0001\n",
		Rows:    &ops.RowKernel[nearswap]{Run: nearswapRows},
	})
}

func nearswapRows(p *nearswap, _ *ops.Pass, b *ops.Block) error {
	t, base, model := float32(p.T.Value()), b.In[0].BF16, b.In[1].BF16
	switch {
	case t == 0:
		copy(b.Out, b.X(0))
	case base != nil && model != nil:
		kernel.NearswapBF16(b.Out, base, model, t)
	default:
		kernel.Nearswap(b.Out, b.X(0), b.X(1), t)
	}
	return nil
}
