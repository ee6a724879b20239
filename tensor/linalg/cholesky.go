package linalg

import (
	"context"
	"fmt"
	"math"
)

// NotPositiveDefiniteError says at which pivot a Cholesky factorization broke
// down: what was left of that diagonal element is not a positive number.
type NotPositiveDefiniteError struct {
	Index int
	Value float64
}

// Error names the pivot and a cure.
func (e *NotPositiveDefiniteError) Error() string {
	return fmt.Sprintf("the matrix is not positive definite: pivot %d is %.6g (raise the damping)", e.Index, e.Value)
}

// Cholesky overwrites the symmetric n x n matrix a, of which it reads the lower
// triangle, with the lower triangular L of A = L L', zeros above the diagonal.
// On an error a is left half done. Diagonal blocks are factored in float64 for
// float32 too.
// Source: the recursive form of Gustavson, "Recursion leads to automatic
// variable blocking" (IBM J. Res. Dev. 41, 1997).
func Cholesky[T float](ctx context.Context, a []T, n int) error {
	j := newJob(ctx)
	if err := checkTriangle(false, a, n, j); err != nil {
		return err
	}
	if err := cholesky(a, n, n, 0, j); err != nil {
		return err
	}
	for i := range n {
		clear(a[i*n+i+1 : (i+1)*n])
	}
	return j.cancelled()
}

// cholesky factors the lower triangle of a block whose first pivot is number
// first; what it writes above is of no use.
func cholesky[T float](a []T, n, ld, first int, j *job) error {
	if err := j.cancelled(); err != nil {
		return err
	}
	if n <= solveLeaf {
		return choleskyLeaf(a, n, ld, first)
	}
	h := half(n)
	below, rest := a[h*ld:], a[h*ld+h:]
	if err := cholesky(a, h, ld, first, j); err != nil {
		return err
	}
	solver[T]{Triangle{Right: true, Trans: true}, j}.solve(h, a, ld, below, ld, n-h)
	subtractSquare(n-h, h, below, ld, rest, ld, j)
	return cholesky(rest, n-h, ld, first+h, j)
}

// squareLeaf is the size of the diagonal blocks of a symmetric product that
// are computed whole.
const squareLeaf = 256

// subtractSquare takes A A' out of the lower triangle of c, n x n; a is n x k.
func subtractSquare[T float](n, k int, a []T, lda int, c []T, ldc int, j *job) {
	if n <= squareLeaf {
		product(false, true, n, n, k, -1, a, lda, a, lda, 1, c, ldc, j)
		return
	}
	h := half(n)
	subtractSquare(h, k, a, lda, c, ldc, j)
	product(false, true, n-h, h, k, -1, a[h*lda:], lda, a, lda, 1, c[h*ldc:], ldc, j)
	subtractSquare(n-h, k, a[h*lda:], lda, c[h*ldc+h:], ldc, j)
}

// choleskyLeaf factors a block in float64, row by row of the transposed
// factor, so that its inner loop runs along memory.
func choleskyLeaf[T float](a []T, n, ld, first int) error {
	var u [solveLeaf * solveLeaf]float64
	for i := range n {
		for j := range i + 1 {
			u[j*solveLeaf+i] = float64(a[i*ld+j])
		}
	}
	for i := range n {
		row := u[i*solveLeaf+i : i*solveLeaf+n]
		pivot := row[0]
		if !(pivot > 0 && pivot <= math.MaxFloat64) {
			return &NotPositiveDefiniteError{first + i, pivot}
		}
		root := math.Sqrt(pivot)
		for k := range row {
			row[k] /= root
		}
		for k := 1; k < len(row); k++ {
			axpy(u[(i+k)*solveLeaf+i+k:(i+k)*solveLeaf+n], row[k:], -row[k])
		}
	}
	for i := range n {
		for j := range i + 1 {
			a[i*ld+j] = T(u[j*solveLeaf+i])
		}
	}
	return nil
}

// Damp adds lambda times the mean of the diagonal of the n x n matrix a to its
// diagonal and returns what it added.
// Source: GPTQ (Frantar et al. 2023), whose percdamp is lambda.
func Damp[T float](a []T, n int, lambda float64) float64 {
	mean := 0.0
	for i := range n {
		mean += float64(a[i*n+i]) / float64(n)
	}
	for i := range n {
		a[i*n+i] = T(float64(a[i*n+i]) + lambda*mean)
	}
	return lambda * mean
}
