package gemm

import (
	"fmt"
	"slices"
	"testing"

	"github.com/rouxml/roux/tensor/kernel/blocks"
	"github.com/rouxml/roux/tensor/kernel/cpu"
)

// TestOneRow: a product of one row has the bits of that row among others, on
// every level, for every format, for whole groups of weights and not.
func TestOneRow(t *testing.T) {
	const m = 3
	for _, level := range cpu.Levels() {
		restore := cpu.Force(level)
		for _, s := range [][2]int{{1, 64}, {31, 32}, {32, 32}, {33, 96}, {64, 33}, {67, 512}, {96, 544}, {130, 1312}, {33, 256}, {64, 768}, {40, 1280}, {1024, 1056}} {
			n, k := s[0], s[1]
			for _, beta := range []float32{0, 1, 0.5} {
				for name, run := range oneRowFormats(n, k) {
					x, before := randomF32(m*k), randomF32(m*n)
					all, one := slices.Clone(before), slices.Clone(before)
					run(m, x, beta, all, 1)
					for i := range m {
						run(1, x[i*k:(i+1)*k:(i+1)*k], beta, one[i*n:(i+1)*n:(i+1)*n], 1+i%2)
					}
					if !slices.Equal(all, one) {
						t.Errorf("%v, %s, %v, beta %v: one row has other bits", level, name, s, beta)
					}
				}
			}
		}
		restore()
	}
}

// oneRowFormats is a product with random weights of each format, of so many
// bytes between rows as are not a whole line.
func oneRowFormats(n, k int) map[string]func(m int, x []float32, beta float32, y []float32, workers int) {
	type run = func(m int, x []float32, beta float32, y []float32, workers int)
	ld := k + 3
	full := randomF32(n * ld)
	out := map[string]run{"F32": func(m int, x []float32, beta float32, y []float32, workers int) {
		F32(false, true, m, n, k, 0.7, x, k, full, ld, beta, y, n, workers)
	}}
	for name, f := range map[string]Format{"BF16": BF16, "F16": F16} {
		raw, _ := halves(f, n*ld)
		out[name] = func(m int, x []float32, beta float32, y []float32, workers int) {
			F32Half(f, false, true, m, n, k, 0.7, x, k, raw, ld, beta, y, n, workers)
		}
	}
	for _, d := range []blocks.Decoder{blocks.Q4_0, blocks.Q4_1, blocks.Q5_0, blocks.Q8_0, blocks.Q4_K, blocks.Q5_K, blocks.Q6_K} {
		if k%d.Values != 0 {
			continue
		}
		b := newBlocks(d, n, k)
		out[d.Name] = func(m int, x []float32, beta float32, y []float32, workers int) {
			F32Blocks(b.d, m, n, k, 0.7, x, k, b.data, beta, y, n, workers)
		}
	}
	return out
}

// BenchmarkOneRow is the rate at which one row reads weights that fit no cache.
func BenchmarkOneRow(b *testing.B) {
	const n, k = 1 << 14, 4096
	x, y := randomF32(k), make([]float32, n)
	raw := make([]byte, 2*n*k)
	q41, q80 := newBlocks(blocks.Q4_1, n, k), newBlocks(blocks.Q8_0, n, k)
	for _, workers := range []int{1, 2} {
		for _, c := range []struct {
			name  string
			bytes int
			run   func()
		}{
			{"BF16", len(raw), func() { F32Half(BF16, false, true, 1, n, k, 1, x, k, raw, k, 0, y, n, workers) }},
			{"F16", len(raw), func() { F32Half(F16, false, true, 1, n, k, 1, x, k, raw, k, 0, y, n, workers) }},
			{"Q4_1", len(q41.data), func() { F32Blocks(q41.d, 1, n, k, 1, x, k, q41.data, 0, y, n, workers) }},
			{"Q8_0", len(q80.data), func() { F32Blocks(q80.d, 1, n, k, 1, x, k, q80.data, 0, y, n, workers) }},
		} {
			b.Run(fmt.Sprintf("%s/%d", c.name, workers), func(b *testing.B) {
				b.SetBytes(int64(c.bytes))
				for b.Loop() {
					c.run()
				}
			})
		}
	}
}
