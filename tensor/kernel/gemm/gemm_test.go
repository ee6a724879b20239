package gemm

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func fill[T float](r *rand.Rand, n int) []T {
	x := make([]T, n)
	for i := range x {
		x[i] = T(r.Float32()*2 - 1)
	}
	return x
}

func TestQuick(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, s := range [][3]int{{1, 1, 1}, {14, 32, 16}, {15, 33, 17}, {100, 70, 600}, {300, 40, 1100}, {13, 500, 3}} {
		m, n, k := s[0], s[1], s[2]
		for tr := range 4 {
			ta, tb := tr&1 != 0, tr&2 != 0
			lda, ldb := k, n
			if ta {
				lda = m
			}
			if tb {
				ldb = k
			}
			a, b := fill[float32](r, m*k), fill[float32](r, k*n)
			a6, b6 := fill[float64](r, m*k), fill[float64](r, k*n)
			c := fill[float32](r, m*n)
			c6 := fill[float64](r, m*n)
			want := append([]float32(nil), c...)
			want6 := append([]float64(nil), c6...)
			F32(ta, tb, m, n, k, 0.5, a, lda, b, ldb, 2, c, n, 2)
			naive(ta, tb, m, n, k, 0.5, a, lda, b, ldb, 2, want, n)
			F64(ta, tb, m, n, k, 0.5, a6, lda, b6, ldb, 2, c6, n, 2)
			naive(ta, tb, m, n, k, 0.5, a6, lda, b6, ldb, 2, want6, n)
			for i := range c {
				if d := c[i] - want[i]; d > 1e-3 || d < -1e-3 {
					t.Fatal("f32", s, tr, i, c[i], want[i])
				}
				if d := c6[i] - want6[i]; d > 1e-9 || d < -1e-9 {
					t.Fatal("f64", s, tr, i, c6[i], want6[i])
				}
			}
		}
	}
}

func BenchmarkF32(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{32, 64, 128, 256, 512, 1024, 2048, 4096} {
		x, y, z := fill[float32](r, n*n), fill[float32](r, n*n), fill[float32](r, n*n)
		for _, w := range []int{1, 2} {
			for _, tb := range []bool{false, true} {
				b.Run(fmt.Sprintf("n=%d/w=%d/tb=%v", n, w, tb), func(b *testing.B) {
					for range b.N {
						F32(false, tb, n, n, n, 1, x, n, y, n, 0, z, n, w)
					}
					b.ReportMetric(2*float64(n)*float64(n)*float64(n)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
				})
			}
		}
	}
}

func BenchmarkF64(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{256, 1024, 2048} {
		x, y, z := fill[float64](r, n*n), fill[float64](r, n*n), fill[float64](r, n*n)
		for _, w := range []int{1, 2} {
			b.Run(fmt.Sprintf("n=%d/w=%d", n, w), func(b *testing.B) {
				for range b.N {
					F64(false, false, n, n, n, 1, x, n, y, n, 0, z, n, w)
				}
				b.ReportMetric(2*float64(n)*float64(n)*float64(n)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		}
	}
}
