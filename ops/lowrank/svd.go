package lowrank

import (
	"context"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/schema"
	"github.com/rouxml/roux/tensor/linalg"
)

type svd struct {
	Model schema.Ref  `yaml:"model" previous:"" doc:"model to compress"`
	Rank  schema.Rank `yaml:"rank" doc:"how many singular values stay: 64, {energy: 0.95}, {ratio: 0.25} or {threshold: 0.01}"`

	Method string `yaml:"method" default:"auto" check:"enum=auto|exact|randomized" doc:"full decomposition, or products with a thin random matrix, which auto takes where the rank is at most a sixth of the shorter side"`
}

func init() {
	ops.Add(&Set, ops.Spec[svd]{
		Name: "lowrank.svd", Version: 2,
		Summary: "Replaces matrices by their best approximation of lower rank.",
		Doc: "W = U S Vt; the rank-k product U_k S_k Vt_k is the nearest matrix of rank k in the 2-norm and the Frobenius norm. " +
			"The randomized method (four power steps) is several times faster and comes within a fraction of a percent of that error for weights whose singular values fall, within about 1.5 % for pure noise; it depends on no seed. An energy or a threshold is always found exactly. " +
			"The product is written back in W's shape and dtype; adapter.extract writes factors.",
		Source:  "Eckart and Young 1936, The approximation of one matrix by another of lower rank; Halko, Martinsson and Tropp 2011, Finding structure with randomness",
		Example: "op: lowrank.svd\nrank: {energy: 0.95}\nwhere: kind == \"mlp.down\"\n",
		Where:   linears,
		Whole:   &ops.WholeKernel[svd]{Scope: ops.Tensor, Memory: svdMemory, Run: svdRun},
	})
}

// svdMemory counts the decomposition and its product's scaled factor.
func svdMemory(p *svd, x *ops.Pass) int64 {
	rows, cols := x.Out().Shape.Rows(), x.Out().Shape.Cols()
	rank, known := p.Rank.Known(rows, cols)
	if !known {
		return linalg.Memory(rows, cols)
	}
	return linalg.TruncateMemory(rows, cols, rank, linalg.Method(p.Method)) + 4*int64(rows)*int64(rank)
}

func svdRun(ctx context.Context, p *svd, _ *ops.Pass, in, out []ops.Matrix) error {
	rows, cols := in[0].Info.Shape.Rows(), in[0].Info.Shape.Cols()
	if rank, known := p.Rank.Known(rows, cols); known {
		d, err := linalg.Truncate(ctx, in[0].Data, rows, cols, rank, linalg.Method(p.Method))
		if err != nil {
			return err
		}
		return d.Product(ctx, out[0].Data, rows, cols)
	}
	d, err := linalg.Decompose(ctx, in[0].Data, rows, cols)
	if err != nil {
		return err
	}
	return d.Product(ctx, out[0].Data, p.Rank.Of(d.S, rows, cols))
}
