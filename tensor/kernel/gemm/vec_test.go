package gemm

import (
	"math"
	"slices"
	"testing"

	"github.com/rouxml/roux/tensor/kernel/cpu"
)

type vecFunc[T float] func(trans bool, m, n int, alpha T, a []T, lda int, x []T, beta T, y []T, workers int)

// testVec compares with the naive product of matrices, and the bits of any
// worker count with each other, for lengths around a line and unaligned rows.
func testVec[T float](t *testing.T, f vecFunc[T], eps float64) {
	type shape struct{ m, n int }
	shapes := []shape{{9, 1000}, {1000, 9}, {300, 5000}, {17, 0}, {0, 3}}
	for n := 1; n <= 130; n++ {
		shapes = append(shapes, shape{1 + n%11, n})
	}
	bits := map[string][]T{}
	onEveryLevel(t, func(t *testing.T) {
		r := newRand()
		for _, s := range shapes {
			for _, trans := range []bool{false, true} {
				for _, beta := range []T{0, 0.5} {
					lda := s.n + 1
					rows, cols := s.m, s.n
					if trans {
						rows, cols = cols, rows
					}
					a, x := fill[T](r, s.m*lda+1)[1:], fill[T](r, cols)
					before := fill[T](r, rows+1)
					y := slices.Clone(before)
					f(trans, s.m, s.n, 1.5, a, lda, x, beta, y[:rows], 1)
					if y[rows] != before[rows] {
						t.Fatal("wrote behind y")
					}
					checkVec(t, trans, rows, cols, a, lda, x, beta, before, y, eps)
					again := slices.Clone(before)
					f(trans, s.m, s.n, 1.5, a, lda, x, beta, again[:rows], 3)
					if !slices.Equal(again, y) {
						t.Fatalf("%d x %d: 3 workers give other bits", s.m, s.n)
					}
					sameOnVectorLevels(t, bits, y)
				}
			}
		}
	})
}

// sameOnVectorLevels holds AVX2 and AVX-512 to the same bits.
func sameOnVectorLevels[T float](t *testing.T, bits map[string][]T, y []T) {
	level := cpu.Active()
	if level == cpu.Portable {
		return
	}
	all := bits[level.String()]
	if other := bits[cpu.AVX2.String()]; level == cpu.AVX512 && !slices.Equal(other[len(all):len(all)+len(y)], y) {
		t.Fatal("AVX2 and AVX-512 give different bits")
	}
	bits[level.String()] = append(all, y...)
}

func checkVec[T float](t *testing.T, trans bool, rows, cols int, a []T, lda int, x []T, beta T, before, got []T, eps float64) {
	t.Helper()
	for i := range rows {
		want, size := float64(beta)*float64(before[i]), math.Abs(float64(before[i]))
		for p := range cols {
			at := i*lda + p
			if trans {
				at = p*lda + i
			}
			v := 1.5 * float64(a[at]) * float64(x[p])
			want += v
			size += math.Abs(v)
		}
		if e := math.Abs(want - float64(got[i])); e > float64(cols+3)*eps*size {
			t.Fatalf("%d x %d trans %v: element %d is %v, want %v", rows, cols, trans, i, got[i], want)
		}
	}
}

func TestF32Vec(t *testing.T) { testVec(t, F32Vec, 0x1p-23) }
func TestF64Vec(t *testing.T) { testVec(t, F64Vec, 0x1p-52) }

func TestVecBetaZeroIgnoresY(t *testing.T) {
	onEveryLevel(t, func(t *testing.T) {
		for _, trans := range []bool{false, true} {
			y := allNaN[float64](3)
			F64Vec(trans, 3, 3, 1, []float64{1, 0, 0, 0, 1, 0, 0, 0, 1}, 3, []float64{1, 2, 3}, 0, y, 1)
			if !slices.Equal(y, []float64{1, 2, 3}) {
				t.Fatalf("y is %v", y)
			}
		}
	})
}

func TestBatchHasTheBitsOfSingleProducts(t *testing.T) {
	const m, n, k, count = 20, 40, 30, 9
	r := newRand()
	a, b := fill[float64](r, m*k*count), fill[float64](r, k*n)
	got, want := make([]float64, m*n*count), make([]float64, m*n*count)
	onEveryLevel(t, func(t *testing.T) {
		for i := range count {
			F64(false, true, m, n, k, 1, a[i*m*k:], k, b, k, 0, want[i*m*n:], n, 1)
		}
		for _, workers := range []int{1, 4} {
			clear(got)
			F64Batch(false, true, m, n, k, 1, a, k, m*k, b, k, 0, 0, got, n, m*n, count, workers)
			if !slices.Equal(got, want) {
				t.Fatalf("%d workers: a batch gives other bits", workers)
			}
		}
	})
	F32Batch(false, false, 1, 1, 1, 1, []float32{2}, 1, 0, []float32{3, 4}, 1, 1, 0, make([]float32, 2), 1, 1, 2, 0)
}
