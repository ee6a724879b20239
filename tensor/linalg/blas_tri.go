package linalg

import (
	"gonum.org/v1/gonum/blas"

	"github.com/rouxml/roux/tensor/kernel/gemm"
)

// triBase is the order of a triangle below which halving it stops.
const triBase = 16

// triangular is a product or a solution with a triangular matrix A on one side
// of B, by halving A: two triangles and a rectangle, whose part is a product.
type triangular[T number] struct {
	side    blas.Side
	ul      blas.Uplo
	tA      blas.Transpose
	d       blas.Diag
	lda     int
	ldb     int
	workers int
	gemm    product[T]
	base    func(s blas.Side, ul blas.Uplo, tA blas.Transpose, d blas.Diag, m, n int, alpha T, a []T, lda int, b []T, ldb int)
}

// halves are the parts of a halved problem. First is the half of op(A), and of
// B, that a lower triangular op(A) multiplies alone.
type halves[T number] struct {
	a1, a2, rect []T // triangles, and the rectangle between them
	b1, b2       []T
	m1, n1       int // size of b1
	m2, n2       int
	lower        bool // op(A) is lower triangular
}

func (t triangular[T]) halve(m, n int, a, b []T) halves[T] {
	order := m
	if t.side == blas.Right {
		order = n
	}
	cut := (order/2 + triBase - 1) / triBase * triBase
	h := halves[T]{a1: a, a2: a[cut*t.lda+cut:], lower: (t.ul == blas.Lower) != isTrans(t.tA)}
	h.rect = a[cut*t.lda:]
	if t.ul == blas.Upper {
		h.rect = a[cut:]
	}
	h.b1 = b
	if t.side == blas.Left {
		h.m1, h.m2, h.n1, h.n2 = cut, m-cut, n, n
		h.b2 = b[cut*t.ldb:]
	} else {
		h.m1, h.m2, h.n1, h.n2 = m, m, cut, n-cut
		h.b2 = b[cut:]
	}
	return h
}

// addRect computes to = alpha*rect*from + beta*to, or from*rect from the right.
func (t triangular[T]) addRect(h halves[T], toFirst bool, alpha, beta T) {
	to, m, n, from, k1, k2 := h.b2, h.m2, h.n2, h.b1, h.m1, h.n1
	if toFirst {
		to, m, n, from, k1, k2 = h.b1, h.m1, h.n1, h.b2, h.m2, h.n2
	}
	if t.side == blas.Left {
		t.gemm(isTrans(t.tA), false, m, n, k1, alpha, h.rect, t.lda, from, t.ldb, beta, to, t.ldb, t.workers)
		return
	}
	t.gemm(false, isTrans(t.tA), m, n, k2, alpha, from, t.ldb, h.rect, t.lda, beta, to, t.ldb, t.workers)
}

// solve computes B = alpha*op(A)^-1*B, or alpha*B*op(A)^-1.
func (t triangular[T]) solve(m, n int, alpha T, a, b []T) {
	if t.small(m, n) {
		t.base(t.side, t.ul, t.tA, t.d, m, n, alpha, a, t.lda, b, t.ldb)
		return
	}
	h := t.halve(m, n, a, b)
	// From the left a lower triangle gives the first half first, from the
	// right the second.
	if h.lower == (t.side == blas.Left) {
		t.solve(h.m1, h.n1, alpha, h.a1, h.b1)
		t.addRect(h, false, -1, alpha)
		t.solve(h.m2, h.n2, 1, h.a2, h.b2)
		return
	}
	t.solve(h.m2, h.n2, alpha, h.a2, h.b2)
	t.addRect(h, true, -1, alpha)
	t.solve(h.m1, h.n1, 1, h.a1, h.b1)
}

// multiply computes B = alpha*op(A)*B, or alpha*B*op(A).
func (t triangular[T]) multiply(m, n int, alpha T, a, b []T) {
	if t.small(m, n) {
		t.base(t.side, t.ul, t.tA, t.d, m, n, alpha, a, t.lda, b, t.ldb)
		return
	}
	h := t.halve(m, n, a, b)
	// The half that needs the other's old values goes first.
	if h.lower == (t.side == blas.Left) {
		t.multiply(h.m2, h.n2, alpha, h.a2, h.b2)
		t.addRect(h, false, alpha, 1)
		t.multiply(h.m1, h.n1, alpha, h.a1, h.b1)
		return
	}
	t.multiply(h.m1, h.n1, alpha, h.a1, h.b1)
	t.addRect(h, true, alpha, 1)
	t.multiply(h.m2, h.n2, alpha, h.a2, h.b2)
}

func (t triangular[T]) small(m, n int) bool {
	order := m
	if t.side == blas.Right {
		order = n
	}
	return order <= triBase
}

// wellFormed says that the routines may halve a problem; gonum's panics say
// what is wrong with another.
func (t triangular[T]) wellFormed(m, n int, alpha T, a, b []T) bool {
	order := m
	if t.side == blas.Right {
		order = n
	}
	return m > 0 && n > 0 && alpha != 0 && (t.side == blas.Left || t.side == blas.Right) &&
		t.lda >= order && t.ldb >= n && len(a) >= (order-1)*t.lda+order && len(b) >= (m-1)*t.ldb+n
}

func (b BLAS) triangle64(s blas.Side, ul blas.Uplo, tA blas.Transpose, d blas.Diag, lda, ldb int) triangular[float64] {
	return triangular[float64]{side: s, ul: ul, tA: tA, d: d, lda: lda, ldb: ldb, workers: b.Workers, gemm: gemm.F64}
}

func (b BLAS) triangle32(s blas.Side, ul blas.Uplo, tA blas.Transpose, d blas.Diag, lda, ldb int) triangular[float32] {
	return triangular[float32]{side: s, ul: ul, tA: tA, d: d, lda: lda, ldb: ldb, workers: b.Workers, gemm: gemm.F32}
}

// Dtrsm solves op(A)*X = alpha*B or X*op(A) = alpha*B into B.
func (b BLAS) Dtrsm(s blas.Side, ul blas.Uplo, tA blas.Transpose, d blas.Diag, m, n int, alpha float64, a []float64, lda int, x []float64, ldx int) {
	t := b.triangle64(s, ul, tA, d, lda, ldx)
	t.base = b.Implementation.Dtrsm
	if !t.wellFormed(m, n, alpha, a, x) {
		t.base(s, ul, tA, d, m, n, alpha, a, lda, x, ldx)
		return
	}
	t.solve(m, n, alpha, a, x)
}

// Strsm is Dtrsm in float32.
func (b BLAS) Strsm(s blas.Side, ul blas.Uplo, tA blas.Transpose, d blas.Diag, m, n int, alpha float32, a []float32, lda int, x []float32, ldx int) {
	t := b.triangle32(s, ul, tA, d, lda, ldx)
	t.base = b.Implementation.Strsm
	if !t.wellFormed(m, n, alpha, a, x) {
		t.base(s, ul, tA, d, m, n, alpha, a, lda, x, ldx)
		return
	}
	t.solve(m, n, alpha, a, x)
}

// Dtrmm computes B = alpha*op(A)*B or B = alpha*B*op(A).
func (b BLAS) Dtrmm(s blas.Side, ul blas.Uplo, tA blas.Transpose, d blas.Diag, m, n int, alpha float64, a []float64, lda int, x []float64, ldx int) {
	t := b.triangle64(s, ul, tA, d, lda, ldx)
	t.base = b.Implementation.Dtrmm
	if !t.wellFormed(m, n, alpha, a, x) {
		t.base(s, ul, tA, d, m, n, alpha, a, lda, x, ldx)
		return
	}
	t.multiply(m, n, alpha, a, x)
}

// Strmm is Dtrmm in float32.
func (b BLAS) Strmm(s blas.Side, ul blas.Uplo, tA blas.Transpose, d blas.Diag, m, n int, alpha float32, a []float32, lda int, x []float32, ldx int) {
	t := b.triangle32(s, ul, tA, d, lda, ldx)
	t.base = b.Implementation.Strmm
	if !t.wellFormed(m, n, alpha, a, x) {
		t.base(s, ul, tA, d, m, n, alpha, a, lda, x, ldx)
		return
	}
	t.multiply(m, n, alpha, a, x)
}
