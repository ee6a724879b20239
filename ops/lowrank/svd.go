package lowrank

import (
	"context"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/schema"
	"github.com/rouxml/roux/tensor/linalg"
)

type svd struct {
	Model schema.Ref  `yaml:"model" previous:"" doc:"model to compress"`
	Rank  schema.Rank `yaml:"rank" doc:"how many singular values stay: 64, {energy: 0.95} or {ratio: 0.25}"`
}

func init() {
	ops.Add(&Set, ops.Spec[svd]{
		Name: "lowrank.svd", Version: 1,
		Summary: "Replaces matrices by their best approximation of lower rank.",
		Doc: "W = U S Vt; the rank-k product U_k S_k Vt_k is the nearest matrix of rank k in the 2-norm and the Frobenius norm. " +
			"The product is written back in W's shape and dtype; adapter.extract writes factors.",
		Source:  "Eckart and Young 1936, The approximation of one matrix by another of lower rank",
		Example: "op: lowrank.svd\nrank: {energy: 0.95}\nwhere: kind == \"mlp.down\"\n",
		Where:   linears,
		Whole:   &ops.WholeKernel[svd]{Scope: ops.Tensor, Memory: svdMemory, Run: svdRun},
	})
}

// svdMemory counts the decomposition and the rows of float64 of its product.
func svdMemory(_ *svd, x *ops.Pass) int64 {
	return linalg.Memory(x.Out().Shape.Rows(), x.Out().Shape.Cols())
}

func svdRun(ctx context.Context, p *svd, _ *ops.Pass, in, out []ops.Matrix) error {
	rows, cols := in[0].Info.Shape.Rows(), in[0].Info.Shape.Cols()
	d, err := linalg.Decompose(ctx, in[0].Data, rows, cols)
	if err != nil {
		return err
	}
	return d.Product(ctx, out[0].Data, p.Rank.Of(d.S, rows, cols))
}
