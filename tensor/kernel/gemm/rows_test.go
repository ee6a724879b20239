package gemm

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/rouxml/roux/tensor/kernel/blocks"
	"github.com/rouxml/roux/tensor/kernel/cpu"
)

// newBlocks is a matrix in blocks with random codes, and scales that are
// positive, negative and denormal.
func newBlocks(d blocks.Decoder, n, k int) stored {
	r := rand.New(rand.NewPCG(uint64(n), uint64(k)))
	b := stored{d, k, make([]byte, n*k/d.Values*d.Bytes)}
	scales := map[string][]int{"Q4_1": {1, 3}, "Q4_K": {1, 3}, "Q5_K": {1, 3}, "Q6_K": {209}}[d.Name]
	if scales == nil {
		scales = []int{1}
	}
	for i := range b.data {
		b.data[i] = byte(r.Uint32())
		if slices.Contains(scales, i%d.Bytes) {
			b.data[i] = []byte{0x38, 0xb8, 0x2c, 0}[r.IntN(4)]
		}
	}
	return b
}

func (b stored) whole(n int) []float32 {
	out := make([]float32, n*b.k)
	b.d.Decode(out, b.data)
	return out
}

// TestRows: rows decoded while packing give the bits of rows decoded before, on
// every level, for shapes that fill panels and blocks of k and that do not.
func TestRows(t *testing.T) {
	for _, level := range cpu.Levels() {
		restore := cpu.Force(level)
		for _, s := range [][3]int{{1, 5, 32}, {3, 33, 288}, {17, 64, 512}, {40, 37, 544}, {300, 70, 1312}} {
			m, n, k := s[0], s[1], s[2]
			a := randomF32(m * (k + 3))
			for name, d := range map[string]blocks.Decoder{"Q4_1": blocks.Q4_1, "Q8_0": blocks.Q8_0} {
				b := newBlocks(d, n, k)
				want := randomF32(m * n)
				got := slices.Clone(want)
				F32(false, true, m, n, k, 0.5, a, k+3, b.whole(n), k, 2, want, n, 1)
				F32Blocks(b.d, m, n, k, 0.5, a, k+3, b.data, 2, got, n, 2)
				if !slices.Equal(got, want) {
					t.Errorf("%v, %s, %v: not the bits of decoding first", level, name, s)
				}
			}
		}
		restore()
	}
}

func randomF32(n int) []float32 {
	r := rand.New(rand.NewPCG(4, uint64(n)))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// BenchmarkRows compares blocks with bfloat16 at the shapes of models, in turn.
func BenchmarkRows(b *testing.B) {
	const m = 512
	for _, n := range []int{1024, 2048, 4096} {
		k := n
		a, c, half := randomF32(m*k), make([]float32, m*n), make([]byte, 2*n*k)
		q41, q80, q4K := newBlocks(blocks.Q4_1, n, k), newBlocks(blocks.Q8_0, n, k), newBlocks(blocks.Q4_K, n, k)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			runs := map[string]func(){
				"bf16": func() { F32Half(BF16, false, true, m, n, k, 1, a, k, half, k, 0, c, n, 0) },
				"Q4_1": func() { F32Blocks(q41.d, m, n, k, 1, a, k, q41.data, 0, c, n, 0) },
				"Q8_0": func() { F32Blocks(q80.d, m, n, k, 1, a, k, q80.data, 0, c, n, 0) },
				"Q4_K": func() { F32Blocks(q4K.d, m, n, k, 1, a, k, q4K.data, 0, c, n, 0) },
			}
			best := map[string]time.Duration{}
			for b.Loop() {
				for name, run := range runs {
					start := time.Now()
					run()
					if d := time.Since(start); best[name] == 0 || d < best[name] {
						best[name] = d
					}
				}
			}
			for name, d := range best {
				b.ReportMetric(2*m*float64(n)*float64(k)/float64(d.Nanoseconds()), name+"-GFLOP/s")
			}
		})
	}
}
