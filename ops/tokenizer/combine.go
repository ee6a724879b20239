package tokenizer

import (
	"context"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/tensor/kernel/cpu"
	"github.com/rouxml/roux/tensor/kernel/gemm"
)

// points are the donor's rows of the shared tokens, n x dim.
type points struct {
	data   []float32
	n, dim int
}

func (p points) row(i int) []float32 { return p.data[i*p.dim : (i+1)*p.dim] }

// sparse is a sum of few points: their places and weights.
type sparse struct {
	at []int
	w  []float64
}

// combine makes rows as sums of the model's rows of shared tokens, with the
// weights that fit the donor's row best.
func (t *tableMaker) combine(ctx context.Context, todo []int, donor ops.Matrix) error {
	dim := donor.Info.Shape.Cols()
	pts := points{make([]float32, len(t.shared)*dim), len(t.shared), dim}
	for i, s := range t.shared {
		copy(pts.row(i), donor.Data[s[1]*dim:(s[1]+1)*dim])
	}
	for len(todo) > 0 {
		n := min(batch, len(todo))
		targets := points{make([]float32, n*dim), n, dim}
		for i, row := range todo[:n] {
			copy(targets.row(i), donor.Data[row*dim:(row+1)*dim])
		}
		sums, err := t.fit(ctx, targets, pts)
		if err != nil {
			return err
		}
		for i, s := range sums {
			t.sum(t.row(todo[i]), s)
		}
		todo = todo[n:]
	}
	return nil
}

func (t *tableMaker) fit(ctx context.Context, targets, pts points) ([]sparse, error) {
	if t.p.Method == "omp" {
		return pursue(ctx, targets, pts, t.p.K)
	}
	return t.p.interpolate(ctx, targets, pts)
}

// sum adds up the model's rows.
func (t *tableMaker) sum(out []float32, s sparse) {
	acc := make([]float64, len(out))
	for k, i := range s.at {
		for j, v := range t.old(t.shared[i][0]) {
			acc[j] += s.w[k] * float64(v)
		}
	}
	for j, v := range acc {
		out[j] = float32(v)
	}
}

// products are all inner products of a with b, a.n x b.n, into c.
func products(ctx context.Context, c []float32, a, b points) {
	gemm.F32(false, true, a.n, b.n, a.dim, 1, a.data, a.dim, b.data, b.dim, 0, c, b.n, cpu.Workers(ctx))
}
