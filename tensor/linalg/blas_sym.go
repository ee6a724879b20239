package linalg

import (
	"gonum.org/v1/gonum/blas"

	"github.com/rouxml/roux/tensor/kernel/gemm"
)

// number is an element of a real matrix.
type number interface{ float32 | float64 }

// product computes C = alpha*op(A)*op(B) + beta*C.
type product[T number] func(transA, transB bool, m, n, k int, alpha T, a []T, lda int, b []T, ldb int, beta T, c []T, ldc, workers int)

// rankBlock is the size of the blocks of a symmetric update: those on the
// diagonal are computed whole though half is needed.
const rankBlock = 128

// symmetric updates one triangle of C, n x n, by rank k.
type symmetric[T number] struct {
	lower   bool
	trans   bool // C grows by A^T*B instead of A*B^T
	n, k    int
	alpha   T
	c       []T
	ldc     int
	workers int
	gemm    product[T]
}

// term is one product that is added to C: A*B^T, or A^T*B.
type term[T number] struct {
	a   []T
	lda int
	b   []T
	ldb int
}

// update computes C = alpha*(sum of terms) + beta*C in the triangle.
func (s symmetric[T]) update(beta T, terms ...term[T]) {
	diagonal := make([]T, rankBlock*rankBlock)
	for i := 0; i < s.n; i += rankBlock {
		size := min(rankBlock, s.n-i)
		scale := T(0)
		for _, t := range terms {
			s.block(t, i, i, size, size, scale, diagonal, rankBlock)
			scale = 1
		}
		s.merge(i, size, beta, diagonal)
		j, cols := 0, i
		if !s.lower {
			j, cols = i+size, s.n-i-size
		}
		if cols == 0 {
			continue
		}
		scale = beta
		for _, t := range terms {
			s.block(t, i, j, size, cols, scale, s.c[i*s.ldc+j:], s.ldc)
			scale = 1
		}
	}
}

// block computes rows x cols elements of a term at (i, j).
func (s symmetric[T]) block(t term[T], i, j, rows, cols int, beta T, c []T, ldc int) {
	if s.trans {
		s.gemm(true, false, rows, cols, s.k, s.alpha, t.a[i:], t.lda, t.b[j:], t.ldb, beta, c, ldc, s.workers)
		return
	}
	s.gemm(false, true, rows, cols, s.k, s.alpha, t.a[i*t.lda:], t.lda, t.b[j*t.ldb:], t.ldb, beta, c, ldc, s.workers)
}

// merge adds the triangle of a block on the diagonal to beta*C.
func (s symmetric[T]) merge(i0, size int, beta T, block []T) {
	for i := range size {
		first, end := 0, i+1
		if !s.lower {
			first, end = i, size
		}
		for j := first; j < end; j++ {
			at := &s.c[(i0+i)*s.ldc+i0+j]
			if beta == 0 {
				*at = block[i*rankBlock+j]
			} else {
				*at = block[i*rankBlock+j] + beta**at
			}
		}
	}
}

// Dsyrk computes C = alpha*A*A^T + beta*C, or with A^T*A, in one triangle.
func (b BLAS) Dsyrk(ul blas.Uplo, tA blas.Transpose, n, k int, alpha float64, a []float64, lda int, beta float64, c []float64, ldc int) {
	if small(n, n, k) {
		b.Implementation.Dsyrk(ul, tA, n, k, alpha, a, lda, beta, c, ldc)
		return
	}
	s := symmetric[float64]{ul == blas.Lower, isTrans(tA), n, k, alpha, c, ldc, b.Workers, gemm.F64}
	s.update(beta, term[float64]{a, lda, a, lda})
}

// Ssyrk is Dsyrk in float32.
func (b BLAS) Ssyrk(ul blas.Uplo, tA blas.Transpose, n, k int, alpha float32, a []float32, lda int, beta float32, c []float32, ldc int) {
	if small(n, n, k) {
		b.Implementation.Ssyrk(ul, tA, n, k, alpha, a, lda, beta, c, ldc)
		return
	}
	s := symmetric[float32]{ul == blas.Lower, isTrans(tA), n, k, alpha, c, ldc, b.Workers, gemm.F32}
	s.update(beta, term[float32]{a, lda, a, lda})
}

// Dsyr2k computes C = alpha*(A*B^T + B*A^T) + beta*C, or with the transposes
// first, in one triangle.
func (b BLAS) Dsyr2k(ul blas.Uplo, tA blas.Transpose, n, k int, alpha float64, a []float64, lda int, x []float64, ldx int, beta float64, c []float64, ldc int) {
	if small(n, n, k) {
		b.Implementation.Dsyr2k(ul, tA, n, k, alpha, a, lda, x, ldx, beta, c, ldc)
		return
	}
	s := symmetric[float64]{ul == blas.Lower, isTrans(tA), n, k, alpha, c, ldc, b.Workers, gemm.F64}
	s.update(beta, term[float64]{a, lda, x, ldx}, term[float64]{x, ldx, a, lda})
}

// Ssyr2k is Dsyr2k in float32.
func (b BLAS) Ssyr2k(ul blas.Uplo, tA blas.Transpose, n, k int, alpha float32, a []float32, lda int, x []float32, ldx int, beta float32, c []float32, ldc int) {
	if small(n, n, k) {
		b.Implementation.Ssyr2k(ul, tA, n, k, alpha, a, lda, x, ldx, beta, c, ldc)
		return
	}
	s := symmetric[float32]{ul == blas.Lower, isTrans(tA), n, k, alpha, c, ldc, b.Workers, gemm.F32}
	s.update(beta, term[float32]{a, lda, x, ldx}, term[float32]{x, ldx, a, lda})
}
