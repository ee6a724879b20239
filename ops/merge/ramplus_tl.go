package merge

import (
	"context"
	"math/bits"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/schema"
	"github.com/rouxml/roux/tensor/kernel"
)

type ramplusTL struct {
	Base    schema.Ref   `yaml:"base" doc:"model that the others were tuned from; gives config and tokenizer"`
	Models  []schema.Ref `yaml:"models" check:"min=1" doc:"tuned models"`
	R       schema.Curve `yaml:"r" default:"0.1" doc:"how strongly what one model alone changed is raised"`
	Alpha   schema.Curve `yaml:"alpha" default:"0.2" check:">=0" doc:"the ratio of shared to own changes from which it is raised no further"`
	Epsilon schema.Curve `yaml:"epsilon" default:"1e-5" check:">=0" doc:"elements of task vectors up to this magnitude are taken as unchanged"`
}

func init() {
	ops.Add(&Set, ops.Spec[ramplusTL]{
		Name: "merge.ramplus_tl", Version: 1,
		Summary: "merge.ram that raises each model's own changes, the more of its changes it shares with others.",
		Doc: "As merge.ram, but what model i alone changed is multiplied by 1 + r min(rho_i, alpha), rho_i being the number of elements of the tensor that i changed together with others, " +
			"over that of those it changed alone.",
		Source:  "Reinforced Agent Merging (arXiv:2601.13572), per tensor; mergekit ramplus_tl",
		Example: "op: merge.ramplus_tl\nbase: base\nmodels: [a, b]\n",
		Rows:    &ops.RowKernel[ramplusTL]{Prepare: ramplusPrepare, Run: ramplusRows},
	})
}

// ramplusPrepare finds the factor of every model.
func ramplusPrepare(ctx context.Context, members []ops.Member[ramplusTL]) ([]ops.State, error) {
	states := make([]ops.State, len(members))
	for i, m := range members {
		p := m.Params
		parts := make([][]changes, m.Scan.Blocks)
		err := m.Scan.Each(ctx, func(b *ops.Block) error {
			parts[b.Index] = countChanges(b, len(p.Models), float32(p.Epsilon.Value()))
			return nil
		})
		if err != nil {
			return nil, err
		}
		for k := range p.Models {
			var all changes
			for _, part := range parts {
				all.shared, all.own = all.shared+part[k].shared, all.own+part[k].own
			}
			states[i] = append(states[i], 1+float64(p.R.Value()*min(all.ratio(p.Epsilon.Value()), p.Alpha.Value())))
		}
	}
	return states, nil
}

// changes is how many elements a model changed together with others and alone.
type changes struct{ shared, own int }

func (c changes) ratio(eps float64) float64 {
	if c.shared == 0 {
		return 0
	}
	return float64(c.shared) / max(float64(c.own), eps)
}

func countChanges(b *ops.Block, models int, eps float32) []changes {
	masks, list := changed(b, models, kernel.MagnitudeBits(eps)), make([]changes, models)
	n := b.Rows * b.Cols
	for w := range kernel.MaskWords(n) {
		var some, several uint64
		for _, m := range masks {
			several |= some & m[w]
			some |= m[w]
		}
		for k, m := range masks {
			shared := bits.OnesCount64(m[w] & several)
			list[k].shared += shared
			list[k].own += bits.OnesCount64(m[w]) - shared
		}
	}
	return list
}

// changed says which elements each model changed.
func changed(b *ops.Block, models int, bound uint32) []kernel.Mask {
	v, masks := vectors{true, models}, make([]kernel.Mask, models)
	stored := v.stored(b)
	for i := range masks {
		masks[i] = b.Mask(b.Rows * b.Cols)
		if stored != nil {
			kernel.KeepAboveBF16(masks[i], stored[i], b.In[0].BF16, int32(bound))
		} else {
			kernel.KeepAbove(masks[i], b.Sub(v.operand(i), 0), int32(bound))
		}
	}
	return masks
}

func ramplusRows(p *ramplusTL, x *ops.Pass, b *ops.Block) error {
	factors := make([]float32, len(p.Models))
	for i := range factors {
		factors[i] = float32(x.State[i])
	}
	reinforce(b, factors, float32(p.Epsilon.Value()))
	return nil
}
