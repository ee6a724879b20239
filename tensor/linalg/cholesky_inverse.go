package linalg

import (
	"context"
	"errors"
	"slices"

	"github.com/rouxml/roux/tensor/kernel/gemm"
)

// CholeskySolve overwrites the n x cols matrix b with the X that solves
// L L' X = B.
func CholeskySolve[T float](ctx context.Context, l []T, n int, b []T, cols int) error {
	if err := SolveTriangular(ctx, Triangle{}, l, b, n, cols); err != nil {
		return err
	}
	j := newJob(ctx)
	solver[T]{Triangle{Trans: true}, j}.solve(n, l, n, b, cols, cols)
	return j.cancelled()
}

// CholeskyInverse overwrites the n x n lower triangular factor L with the
// inverse of L L', both triangles.
func CholeskyInverse[T float](ctx context.Context, l []T, n int) error {
	if err := InvertTriangular(ctx, false, l, n); err != nil {
		return err
	}
	j := newJob(ctx)
	squareTranspose(n, l, n, j)
	gemm.MirrorLower(l, n)
	return j.cancelled()
}

// InverseFactor overwrites the symmetric n x n matrix a, of which it reads the
// lower triangle, with the upper triangular U of the inverse's factorization
// U'U, zeros below the diagonal: what GPTQ and SparseGPT sweep with. It forms
// no inverse: with the order of rows and columns reversed, which reverses the
// memory of a, A = L L' becomes A = U^-1 U^-T. Pivots are
// taken from the last to the first.
func InverseFactor[T float](ctx context.Context, a []T, n int) error {
	j := newJob(ctx)
	if err := checkTriangle(false, a, n, j); err != nil {
		return err
	}
	gemm.MirrorLower(a, n)
	slices.Reverse(a)
	if err := cholesky(a, n, n, 0, j); err != nil {
		if e, ok := errors.AsType[*NotPositiveDefiniteError](err); ok {
			return &NotPositiveDefiniteError{n - 1 - e.Index, e.Value}
		}
		return err
	}
	invertTriangle(false, n, a, n, j)
	for i := range n {
		clear(a[i*n+i+1 : (i+1)*n])
	}
	slices.Reverse(a)
	return j.cancelled()
}

// squareTranspose overwrites the lower triangle L with that of L'L.
func squareTranspose[T float](n int, l []T, ld int, j *job) {
	if n <= solveLeaf {
		squareTransposeLeaf(n, l, ld)
		return
	}
	h := half(n)
	below, rest := l[h*ld:], l[h*ld+h:]
	squareTranspose(h, l, ld, j)
	addSquareTranspose(h, n-h, below, ld, l, ld, j)
	multiplyTriangle(Triangle{Trans: true}, n-h, h, rest, ld, below, ld, j)
	squareTranspose(n-h, rest, ld, j)
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
func addSquareTranspose[T float](n, k int, a []T, lda int, c []T, ldc int, j *job) {
	if n <= squareLeaf {
		product(true, false, n, n, k, 1, a, lda, a, lda, 1, c, ldc, j)
		return
	}
	h := half(n)
	addSquareTranspose(h, k, a, lda, c, ldc, j)
	product(true, false, n-h, h, k, 1, a[h:], lda, a, lda, 1, c[h*ldc:], ldc, j)
	addSquareTranspose(n-h, k, a[h:], lda, c[h*ldc+h:], ldc, j)
}
