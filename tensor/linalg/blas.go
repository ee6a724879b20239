package linalg

import (
	"sync"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/blas/gonum"

	"github.com/rouxml/roux/tensor/kernel/gemm"
)

// BLAS implements gonum's blas.Float64 and blas.Float32. The routines whose
// work grows faster than their operands and that decompositions spend their
// time in, xGEMM, xGEMV, xSYRK, xSYR2K, xTRSM and xTRMM, run on package gemm;
// everything else, and products too small to gain, run on gonum's own
// implementation. Results do not depend on Workers.
type BLAS struct {
	gonum.Implementation
	Workers int // goroutines for one routine; 0 means one for each core
}

var (
	_ blas.Float64 = BLAS{}
	_ blas.Float32 = BLAS{}
)

var install sync.Once

// InstallBLAS makes gonum's blas64 and blas32, and with them its mat and lapack
// packages, compute with BLAS{}. Only the first call does anything. Gonum keeps
// the implementation in a variable of the process without a lock, so the call
// belongs into main or an init, before goroutines use gonum.
func InstallBLAS() {
	install.Do(func() {
		blas64.Use(BLAS{})
		blas32.Use(BLAS{})
	})
}

// tiny is the number of multiply-adds below which gonum's loops are as fast.
const tiny = 512

// small says that a product is left to gonum: it gains nothing, or it is
// malformed and gonum's panic says how.
func small(m, n, k int) bool { return m <= 0 || n <= 0 || k <= 0 || m*n*k < tiny }

func isTrans(t blas.Transpose) bool { return t == blas.Trans || t == blas.ConjTrans }

// Dgemm computes C = alpha*op(A)*op(B) + beta*C.
func (b BLAS) Dgemm(tA, tB blas.Transpose, m, n, k int, alpha float64, a []float64, lda int, x []float64, ldx int, beta float64, c []float64, ldc int) {
	if small(m, n, k) {
		b.Implementation.Dgemm(tA, tB, m, n, k, alpha, a, lda, x, ldx, beta, c, ldc)
		return
	}
	gemm.F64(isTrans(tA), isTrans(tB), m, n, k, alpha, a, lda, x, ldx, beta, c, ldc, b.Workers)
}

// Sgemm is Dgemm in float32.
func (b BLAS) Sgemm(tA, tB blas.Transpose, m, n, k int, alpha float32, a []float32, lda int, x []float32, ldx int, beta float32, c []float32, ldc int) {
	if small(m, n, k) {
		b.Implementation.Sgemm(tA, tB, m, n, k, alpha, a, lda, x, ldx, beta, c, ldc)
		return
	}
	gemm.F32(isTrans(tA), isTrans(tB), m, n, k, alpha, a, lda, x, ldx, beta, c, ldc, b.Workers)
}

// Dgemv computes y = alpha*op(A)*x + beta*y.
func (b BLAS) Dgemv(tA blas.Transpose, m, n int, alpha float64, a []float64, lda int, x []float64, incX int, beta float64, y []float64, incY int) {
	if small(m, n, 1) || incX <= 0 || incY <= 0 {
		b.Implementation.Dgemv(tA, m, n, alpha, a, lda, x, incX, beta, y, incY)
		return
	}
	lenX, lenY := vectorLengths(isTrans(tA), m, n)
	dense := gather(y, incY, lenY)
	gemm.F64Vec(isTrans(tA), m, n, alpha, a, lda, gather(x, incX, lenX), beta, dense, b.Workers)
	scatter(y, incY, dense)
}

// Sgemv is Dgemv in float32.
func (b BLAS) Sgemv(tA blas.Transpose, m, n int, alpha float32, a []float32, lda int, x []float32, incX int, beta float32, y []float32, incY int) {
	if small(m, n, 1) || incX <= 0 || incY <= 0 {
		b.Implementation.Sgemv(tA, m, n, alpha, a, lda, x, incX, beta, y, incY)
		return
	}
	lenX, lenY := vectorLengths(isTrans(tA), m, n)
	dense := gather(y, incY, lenY)
	gemm.F32Vec(isTrans(tA), m, n, alpha, a, lda, gather(x, incX, lenX), beta, dense, b.Workers)
	scatter(y, incY, dense)
}

func vectorLengths(trans bool, m, n int) (lenX, lenY int) {
	if trans {
		return m, n
	}
	return n, m
}

// gather returns n elements of x, inc apart: x itself when inc is 1.
func gather[T number](x []T, inc, n int) []T {
	if inc == 1 {
		return x
	}
	dense := make([]T, n)
	for i := range dense {
		dense[i] = x[i*inc]
	}
	return dense
}

// scatter puts back what gather returned.
func scatter[T number](x []T, inc int, dense []T) {
	if inc == 1 {
		return
	}
	for i, v := range dense {
		x[i*inc] = v
	}
}
