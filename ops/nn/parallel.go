package nn

import (
	"github.com/rouxml/roux/tensor/kernel/cpu"
	"github.com/rouxml/roux/tensor/kernel/gemm"
)

// split cuts 0..n into pieces of about each and lets workers take them. What a
// piece computes must not depend on the cut.
func split(workers, n, each int, run func(from, to int)) {
	each = max(each, 1)
	gemm.Share(workers, (n+each-1)/each, func(i int) { run(i*each, min((i+1)*each, n)) })
}

// rowsEach is how many rows make a piece that is worth handing over.
func rowsEach(cols int) int { return max(1, 1<<15/max(cols, 1)) }

// output is where the product with a matrix goes.
type output struct {
	w *matrix
	y []float32
}

// together multiplies n rows with several matrices. Those of a single row are
// done side by side: each is so short that waiting for its last part counts.
func together(n int, x []float32, ldx, ldy, workers int, outputs ...output) {
	if n > 1 {
		for _, o := range outputs {
			o.w.to(n, x, ldx, o.y, ldy, workers)
		}
		return
	}
	if workers <= 0 {
		workers = cpu.Cores()
	}
	each := (workers + len(outputs) - 1) / len(outputs)
	gemm.Share(workers, len(outputs), func(i int) {
		outputs[i].w.to(n, x, ldx, outputs[i].y, ldy, each)
	})
}
