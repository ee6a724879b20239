package opstest

import (
	"math/rand/v2"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/kernel"
	"github.com/rouxml/roux/tensor/kernel/gemm"
)

// Stats makes the statistics of a random input of a tensor: some channels are
// far larger than others, and one is dead.
func Stats(info tensor.Info) *ops.Stats {
	const tokens = 40
	d := info.Shape.Cols()
	r := rand.New(rand.NewPCG(uint64(len(info.Name)), uint64(d)))
	x := make([]float32, tokens*d)
	for i := range x {
		if j := i % d; j != 2 {
			x[i] = float32(r.NormFloat64()) * float32(1+j%3*j%3)
		}
	}
	s := &ops.Stats{Input: "attn.in", Expert: -1, Samples: 4, Seen: tokens, Rows: tokens, Columns: kernel.NewColumns(d)}
	s.Add(x, tokens, d, 0, d)
	s.ReadGram = func(dst []float64) error {
		clear(dst)
		gemm.Gram(dst, d, x, tokens, d, 1)
		gemm.MirrorLower(dst, d)
		return nil
	}
	return s
}
