package merge

import (
	"context"
	"math"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/schema"
)

type modelStock struct {
	Base       schema.Ref   `yaml:"base" doc:"model that the others were tuned from; gives config and tokenizer"`
	Models     []schema.Ref `yaml:"models" check:"min=2" doc:"tuned models, two at least"`
	FilterWise bool         `yaml:"filter_wise" default:"false" doc:"a ratio for each row of a tensor, instead of one for the tensor"`
}

func init() {
	ops.Add(&Set, ops.Spec[modelStock]{
		Name: "merge.model_stock", Version: 1,
		Summary: "Moves the base toward the average of models, as far as they agree.",
		Doc: "With c the mean cosine between the task vectors of all pairs of N models, t = N c / (1 + (N-1) c) and y = t mean(x_i) + (1-t) base. " +
			"Where the denominator is next to nothing, the base stays.",
		Source:  "Jang et al. 2024, Model Stock (arXiv:2403.19522); mergekit model_stock",
		Example: "op: merge.model_stock\nbase: base\nmodels: [a, b, c]\n",
		Rows:    &ops.RowKernel[modelStock]{Extent: modelStockExtent, Prepare: modelStockPrepare, Run: modelStockRows},
	})
}

func (p *modelStock) vectors() vectors { return vectors{true, len(p.Models)} }

func modelStockExtent(p *modelStock) ops.Scope {
	if p.FilterWise {
		return ops.Rows
	}
	return ops.Tensor
}

func modelStockPrepare(ctx context.Context, members []ops.Member[modelStock]) ([]ops.State, error) {
	states := make([]ops.State, len(members))
	for i, m := range members {
		g, err := m.Params.vectors().gram(ctx, m.Scan)
		if err != nil {
			return nil, err
		}
		states[i] = stockShares(g)
	}
	return states, nil
}

// stockShares returns t/N for each model.
func stockShares(g gram) []float64 {
	var sum float64
	for i := range g.n {
		for j := range i {
			sum += min(max(g.at(i, j)/max(g.norm(i)*g.norm(j), 1e-6), -1), 1)
		}
	}
	n := float64(g.n)
	c := sum / (n * (n - 1) / 2)
	t, below := 0.0, 1+float64((n-1)*c)
	if math.Abs(below) >= 1e-6 || math.IsNaN(below) {
		t = n * c / below
	}
	shares := make([]float64, g.n)
	for i := range shares {
		shares[i] = t / n
	}
	return shares
}

func modelStockRows(p *modelStock, x *ops.Pass, b *ops.Block) error {
	if p.FilterWise {
		p.vectors().combineRows(b, stockShares)
	} else {
		p.vectors().combine(b, x.State)
	}
	return nil
}
