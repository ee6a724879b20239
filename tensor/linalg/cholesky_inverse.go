package linalg

import (
	"slices"

	"github.com/rouxml/roux/tensor/kernel/gemm"
)

// CholeskySolve overwrites the n x cols matrix b with the X that solves
// L L' X = B. Workers bounds the goroutines; 0 means one for each core.
func CholeskySolve[T float](l []T, n int, b []T, cols, workers int) error {
	if err := SolveTriangular(Triangle{}, l, b, n, cols, workers); err != nil {
		return err
	}
	solver[T]{Triangle{Trans: true}, workers}.solve(n, l, n, b, cols, cols)
	return nil
}

// CholeskyInverse overwrites the n x n lower triangular factor L with the
// inverse of L L', both triangles. Workers bounds the goroutines; 0 means one
// for each core.
func CholeskyInverse[T float](l []T, n, workers int) error {
	if err := InvertTriangular(false, l, n, workers); err != nil {
		return err
	}
	squareTranspose(n, l, n, workers)
	gemm.MirrorLower(l, n)
	return nil
}

// InverseFactor overwrites the symmetric n x n matrix a, of which it reads the
// lower triangle, with the upper triangular U of the inverse's factorization
// U'U, zeros below the diagonal: what GPTQ and SparseGPT sweep with. It forms
// no inverse: with the order of rows and columns reversed, which reverses the
// memory of a, A = L L' becomes A = U^-1 U^-T. An error counts pivots from the
// end. Workers bounds the goroutines; 0 means one for each core.
func InverseFactor[T float](a []T, n, workers int) error {
	if err := checkDims(len(a), n, n); err != nil {
		return err
	}
	if !finiteBelow(a, n, workers) {
		return ErrNotFinite
	}
	gemm.MirrorLower(a, n)
	slices.Reverse(a)
	if err := cholesky(a, n, n, workers); err != nil {
		if e, ok := err.(*NotPositiveDefiniteError); ok {
			e.Index = n - 1 - e.Index
		}
		return err
	}
	invertTriangle(false, n, a, n, workers)
	for i := range n {
		clear(a[i*n+i+1 : (i+1)*n])
	}
	slices.Reverse(a)
	return nil
}

// squareTranspose overwrites the lower triangle L with that of L'L.
func squareTranspose[T float](n int, l []T, ld, workers int) {
	if n <= leaf {
		squareTransposeLeaf(n, l, ld)
		return
	}
	h := half(n)
	below, rest := l[h*ld:], l[h*ld+h:]
	squareTranspose(h, l, ld, workers)
	addSquareTranspose(h, n-h, below, ld, l, ld, workers)
	multiplyTranspose(n-h, h, rest, ld, below, ld, workers)
	squareTranspose(n-h, rest, ld, workers)
}

func squareTransposeLeaf[T float](n int, l []T, ld int) {
	for i := range n {
		for j := range i + 1 {
			s := 0.0
			for k := i; k < n; k++ {
				s += float64(float64(l[k*ld+i]) * float64(l[k*ld+j]))
			}
			l[i*ld+j] = T(s)
		}
	}
}

// addSquareTranspose adds A'A to the lower triangle of c, n x n; a is k x n.
func addSquareTranspose[T float](n, k int, a []T, lda int, c []T, ldc, workers int) {
	if n <= squareLeaf {
		product(true, false, n, n, k, 1, a, lda, a, lda, 1, c, ldc, workers)
		return
	}
	h := half(n)
	addSquareTranspose(h, k, a, lda, c, ldc, workers)
	product(true, false, n-h, h, k, 1, a[h:], lda, a, lda, 1, c[h*ldc:], ldc, workers)
	addSquareTranspose(n-h, k, a[h:], lda, c[h*ldc+h:], ldc, workers)
}

// multiplyTranspose overwrites the n x cols matrix b with L'B.
func multiplyTranspose[T float](n, cols int, l []T, ldl int, b []T, ldb, workers int) {
	if n <= leaf {
		multiplyTransposeLeaf(n, cols, l, ldl, b, ldb, workers)
		return
	}
	h := half(n)
	second := b[h*ldb:]
	multiplyTranspose(h, cols, l, ldl, b, ldb, workers)
	product(true, false, h, cols, n-h, 1, l[h*ldl:], ldl, second, ldb, 1, b, ldb, workers)
	multiplyTranspose(n-h, cols, l[h*ldl+h:], ldl, second, ldb, workers)
}

func multiplyTransposeLeaf[T float](n, cols int, l []T, ldl int, b []T, ldb, workers int) {
	lower, copied := make([]T, n*n), make([]T, n*cols)
	for i := range n {
		copy(lower[i*n:], l[i*ldl:i*ldl+i+1])
		copy(copied[i*cols:(i+1)*cols], b[i*ldb:])
	}
	product(true, false, n, cols, n, 1, lower, n, copied, cols, 0, b, ldb, workers)
}
