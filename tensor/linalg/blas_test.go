package linalg

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/blas/gonum"
	"gonum.org/v1/gonum/blas/testblas"
)

// Gonum's own tests of its routines, which have vectors with every increment
// and malformed arguments.
func TestBLASPassesGonumsTests(t *testing.T) {
	testblas.TestDgemm(t, BLAS{})
	testblas.DgemvTest(t, BLAS{})
	testblas.DsyrkTest(t, BLAS{})
	testblas.Dsyr2kTest(t, BLAS{})
	testblas.DtrsmTest(t, BLAS{})
	testblas.DtrmmTest(t, BLAS{})
}

func random(r *rand.Rand, n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = r.Float64()*2 - 1
	}
	return x
}

// dominant makes a well conditioned triangle.
func dominant(r *rand.Rand, n, ld int) []float64 {
	a := random(r, n*ld)
	for i := range a {
		a[i] /= float64(n)
	}
	for i := range n {
		a[i*ld+i] += 2
	}
	return a
}

func single(x []float64) []float32 {
	out := make([]float32, len(x))
	for i, v := range x {
		out[i] = float32(v)
	}
	return out
}

// compare holds ours, in double and single, to gonum's double.
func compare(t *testing.T, name string, c []float64, theirs, ours func(c []float64), ours32 func(c []float32)) {
	t.Helper()
	want, got, got32 := append([]float64(nil), c...), append([]float64(nil), c...), single(c)
	theirs(want)
	ours(got)
	ours32(got32)
	for i, w := range want {
		if math.Abs(got[i]-w) > 1e-12*(1+math.Abs(w)) || math.Abs(float64(got32[i])-w) > 1e-4*(1+math.Abs(w)) {
			t.Fatalf("%s: element %d is %v and %v, want %v", name, i, got[i], got32[i], w)
		}
	}
}

func TestTriangularAgainstGonum(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var ref gonum.Implementation
	for _, size := range [][2]int{{5, 9}, {50, 70}, {130, 33}} {
		m, n := size[0], size[1]
		for _, s := range []blas.Side{blas.Left, blas.Right} {
			order := m
			if s == blas.Right {
				order = n
			}
			a := dominant(r, order, order+2)
			a32 := single(a)
			b, ldb := random(r, m*(n+1)), n+1
			for _, ul := range []blas.Uplo{blas.Lower, blas.Upper} {
				for _, tA := range []blas.Transpose{blas.NoTrans, blas.Trans} {
					for _, d := range []blas.Diag{blas.NonUnit, blas.Unit} {
						lda := order + 2
						compare(t, "trsm", b,
							func(b []float64) { ref.Dtrsm(s, ul, tA, d, m, n, 1.5, a, lda, b, ldb) },
							func(b []float64) { BLAS{}.Dtrsm(s, ul, tA, d, m, n, 1.5, a, lda, b, ldb) },
							func(b []float32) { BLAS{}.Strsm(s, ul, tA, d, m, n, 1.5, a32, lda, b, ldb) })
						compare(t, "trmm", b,
							func(b []float64) { ref.Dtrmm(s, ul, tA, d, m, n, 1.5, a, lda, b, ldb) },
							func(b []float64) { BLAS{}.Dtrmm(s, ul, tA, d, m, n, 1.5, a, lda, b, ldb) },
							func(b []float32) { BLAS{}.Strmm(s, ul, tA, d, m, n, 1.5, a32, lda, b, ldb) })
					}
				}
			}
		}
	}
}

func TestSymmetricUpdatesAgainstGonum(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var ref gonum.Implementation
	for _, size := range [][2]int{{9, 20}, {150, 40}, {300, 10}} {
		n, k := size[0], size[1]
		ld := max(n, k) + 1
		a, b := random(r, ld*ld), random(r, ld*ld)
		a32, b32 := single(a), single(b)
		c := random(r, n*ld)
		for _, ul := range []blas.Uplo{blas.Lower, blas.Upper} {
			for _, tA := range []blas.Transpose{blas.NoTrans, blas.Trans} {
				for _, beta := range []float64{0, 1, 0.5} {
					compare(t, "syrk", c,
						func(c []float64) { ref.Dsyrk(ul, tA, n, k, 1.5, a, ld, beta, c, ld) },
						func(c []float64) { BLAS{}.Dsyrk(ul, tA, n, k, 1.5, a, ld, beta, c, ld) },
						func(c []float32) { BLAS{}.Ssyrk(ul, tA, n, k, 1.5, a32, ld, float32(beta), c, ld) })
					compare(t, "syr2k", c,
						func(c []float64) { ref.Dsyr2k(ul, tA, n, k, 1.5, a, ld, b, ld, beta, c, ld) },
						func(c []float64) { BLAS{}.Dsyr2k(ul, tA, n, k, 1.5, a, ld, b, ld, beta, c, ld) },
						func(c []float32) { BLAS{}.Ssyr2k(ul, tA, n, k, 1.5, a32, ld, b32, ld, float32(beta), c, ld) })
				}
			}
		}
	}
}

func TestProductsAgainstGonum(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var ref gonum.Implementation
	const m, n, k = 40, 50, 60
	a, b, c := random(r, 4000), random(r, 4000), random(r, 4000)
	a32, b32 := single(a), single(b)
	for _, tA := range []blas.Transpose{blas.NoTrans, blas.Trans} {
		for _, tB := range []blas.Transpose{blas.NoTrans, blas.ConjTrans} {
			compare(t, "gemm", c,
				func(c []float64) { ref.Dgemm(tA, tB, m, n, k, 1.5, a, 62, b, 61, 0.5, c, 63) },
				func(c []float64) { BLAS{}.Dgemm(tA, tB, m, n, k, 1.5, a, 62, b, 61, 0.5, c, 63) },
				func(c []float32) { BLAS{}.Sgemm(tA, tB, m, n, k, 1.5, a32, 62, b32, 61, 0.5, c, 63) })
		}
		for _, inc := range [][2]int{{1, 1}, {3, 1}, {1, 4}, {-2, 1}} {
			compare(t, "gemv", c,
				func(c []float64) { ref.Dgemv(tA, m, n, 1.5, a, 62, b, inc[0], 0.5, c, inc[1]) },
				func(c []float64) { BLAS{}.Dgemv(tA, m, n, 1.5, a, 62, b, inc[0], 0.5, c, inc[1]) },
				func(c []float32) { BLAS{}.Sgemv(tA, m, n, 1.5, a32, 62, b32, inc[0], 0.5, c, inc[1]) })
		}
	}
}

func TestInstallBLAS(t *testing.T) {
	InstallBLAS()
	InstallBLAS()
	if _, ok := blas64.Implementation().(BLAS); !ok {
		t.Fatalf("blas64 uses %T", blas64.Implementation())
	}
}
