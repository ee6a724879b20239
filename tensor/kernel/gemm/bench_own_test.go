package gemm

import (
	"fmt"
	"testing"
	"time"
)

// bestOfTurns runs the functions in turn for about two seconds and returns the
// shortest time of each.
func bestOfTurns(fs ...func()) []float64 {
	best := make([]float64, len(fs))
	for start, turn := time.Now(), 0; turn < 3 || time.Since(start) < 2*time.Second; turn++ {
		for i, f := range fs {
			t := time.Now()
			f()
			if s := time.Since(t).Seconds(); turn == 0 || s < best[i] {
				best[i] = s
			}
		}
	}
	return best
}

// BenchmarkHalf compares products with 16-bit weights with our own F32:
//
//	go test ./tensor/kernel/gemm -run '^$' -bench 'Half|Gram' -benchtime 1x
func BenchmarkHalf(b *testing.B) {
	r := newRand()
	for _, s := range [][3]int{{4096, 4096, 4096}, {2048, 2048, 2048}, {512, 4096, 4096}, {128, 4096, 4096}, {16, 4096, 4096}, {1, 4096, 4096}} {
		m, n, k := s[0], s[1], s[2]
		x, c := fill[float32](r, m*k), make([]float32, m*n)
		raw, wide := halves(BF16, n*k)
		f := func(format Format) func() {
			return func() { F32Half(format, false, true, m, n, k, 1, x, k, raw, k, 0, c, n, 0) }
		}
		best := bestOfTurns(func() { F32(false, true, m, n, k, 1, x, k, wide, k, 0, c, n, 0) }, f(BF16), f(F16))
		flops := 2 * float64(m) * float64(n) * float64(k) / 1e9
		b.Logf("%5d x%5d x%5d  f32 %6.1f  bf16 %6.1f  f16 %6.1f GFLOP/s  ratios %.2f %.2f", m, n, k, flops/best[0], flops/best[1], flops/best[2], best[0]/best[1], best[0]/best[2])
	}
}

// BenchmarkGram compares the rate of Gram, counting half the work, with F32.
func BenchmarkGram(b *testing.B) {
	const n, d = 8192, 4096
	x, c, dst := fill[float32](newRand(), n*d), make([]float32, d*d), make([]float64, d*d)
	best := bestOfTurns(
		func() { F32(true, false, d, d, n, 1, x, d, x, d, 0, c, d, 0) },
		func() { Gram(dst, d, x, n, d, 0) })
	flops := float64(d) * float64(d) * float64(n) / 1e9
	b.Logf("%d x %d  Gram %.1f  F32 %.1f GFLOP/s  ratio %.2f", n, d, flops/best[1], 2*flops/best[0], best[0]/2/best[1])
}

// BenchmarkSmall is the rate of products whose packing and set-up count.
func BenchmarkSmall(b *testing.B) {
	for _, n := range []int{4, 8, 16, 24, 32, 48, 64, 100, 128} {
		x, y, z := fill[float32](newRand(), n*n), fill[float32](newRand(), n*n), make([]float32, n*n)
		for _, trans := range []bool{false, true} {
			b.Run(fmt.Sprintf("%d/transB=%v", n, trans), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					F32(false, trans, n, n, n, 1, x, n, y, n, 0, z, n, 1)
				}
				b.ReportMetric(2*float64(n*n*n)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		}
	}
}
