package merge

import (
	"errors"
	"math"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/tensor/kernel"
)

type linear struct {
	Models    []weighted `yaml:"models" check:"min=1" doc:"models to average; the first gives config and tokenizer"`
	Normalize bool       `yaml:"normalize" default:"true" doc:"divide by the sum of the weights"`
}

func init() {
	ops.Add(&Set, ops.Spec[linear]{
		Name: "merge.linear", Version: 3,
		Summary: "Averages models with weights.",
		Doc:     "y = sum of w_i x_i, divided by the sum of w_i when normalize is on. Computed in float32.",
		Source:  "Wortsman et al. 2022, Model soups (arXiv:2203.05482); mergekit linear",
		Example: "op: merge.linear\nmodels:\n  - {model: a, weight: 0.3}\n  - {model: b, weight: 0.7}\n",
		Rows:    &ops.RowKernel[linear]{Run: linearRows},
	})
}

func linearRows(p *linear, _ *ops.Pass, b *ops.Block) error {
	total := 0.0
	var weights []float32
	var models []int // a weight of zero is absence, also of NaN
	for i, m := range p.Models {
		total += m.Weight.Value()
		if m.Weight.Value() != 0 {
			models, weights = append(models, i), append(weights, float32(m.Weight.Value()))
		}
	}
	if !p.Normalize {
		total = 1
	}
	if math.Abs(total) < 1e-8 {
		return errors.New("the weights sum to zero: change one, or say normalize: false")
	}
	if len(models) == 1 && weights[0] == float32(total) { // without rounding
		copy(b.Out, b.X(models[0]))
		return nil
	}
	linearSum(b, models, weights, float32(total))
	return nil
}

// linearSum reads models as they are stored when all are in bfloat16.
func linearSum(b *ops.Block, models []int, weights []float32, total float32) {
	raws, xs := make([][]byte, len(models)), make([][]float32, len(models))
	raw := true
	for k, i := range models {
		raws[k] = b.In[i].BF16
		raw = raw && raws[k] != nil
	}
	switch {
	case len(models) == 0:
		clear(b.Out)
	case raw:
		kernel.LinearSumBF16(b.Out, weights, raws, total)
	default:
		for k, i := range models {
			xs[k] = b.X(i)
		}
		kernel.LinearSum(b.Out, weights, xs, total)
	}
}
