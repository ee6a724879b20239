package linalg

import (
	"fmt"
	"math"
	"slices"
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
// float32 too. Workers bounds the goroutines; 0 means one for each core.
// Source: the recursive form of Gustavson, "Recursion leads to automatic
// variable blocking" (IBM J. Res. Dev. 41, 1997).
func Cholesky[T float](a []T, n, workers int) error {
	if err := checkDims(len(a), n, n); err != nil {
		return err
	}
	if !finiteBelow(a, n, workers) {
		return ErrNotFinite
	}
	if err := cholesky(a, n, n, workers); err != nil {
		return err
	}
	for i := range n {
		clear(a[i*n+i+1 : (i+1)*n])
	}
	return nil
}

// finiteBelow is finite for the lower triangle.
func finiteBelow[T float](a []T, n, workers int) bool {
	const rows = 32
	spans := (n + rows - 1) / rows
	bad := make([]bool, spans)
	share(workers, spans, func(s int) {
		for i := s * rows; i < min((s+1)*rows, n); i++ {
			bad[s] = bad[s] || !finiteSpan(a[i*n:i*n+i+1])
		}
	})
	return !slices.Contains(bad, true)
}

// cholesky factors the lower triangle; what it writes above is of no use.
func cholesky[T float](a []T, n, ld, workers int) error {
	if n <= leaf {
		return choleskyLeaf(a, n, ld)
	}
	h := half(n)
	below, rest := a[h*ld:], a[h*ld+h:]
	if err := cholesky(a, h, ld, workers); err != nil {
		return err
	}
	solver[T]{Triangle{Right: true, Trans: true}, workers}.solve(h, a, ld, below, ld, n-h)
	subtractSquare(n-h, h, below, ld, rest, ld, workers)
	err := cholesky(rest, n-h, ld, workers)
	if e, ok := err.(*NotPositiveDefiniteError); ok {
		e.Index += h
	}
	return err
}

// squareLeaf is the size of the diagonal blocks of a symmetric product that
// are computed whole.
const squareLeaf = 256

// subtractSquare takes A A' out of the lower triangle of c, n x n; a is n x k.
func subtractSquare[T float](n, k int, a []T, lda int, c []T, ldc, workers int) {
	if n <= squareLeaf {
		product(false, true, n, n, k, -1, a, lda, a, lda, 1, c, ldc, workers)
		return
	}
	h := half(n)
	subtractSquare(h, k, a, lda, c, ldc, workers)
	product(false, true, n-h, h, k, -1, a[h*lda:], lda, a, lda, 1, c[h*ldc:], ldc, workers)
	subtractSquare(n-h, k, a[h*lda:], lda, c[h*ldc+h:], ldc, workers)
}

// choleskyLeaf factors a block in float64, row by row of the transposed
// factor, so that its inner loop runs along memory.
func choleskyLeaf[T float](a []T, n, ld int) error {
	var u [leaf * leaf]float64
	for i := range n {
		for j := range i + 1 {
			u[j*leaf+i] = float64(a[i*ld+j])
		}
	}
	for i := range n {
		row := u[i*leaf+i : i*leaf+n]
		pivot := row[0]
		if !(pivot > 0 && pivot <= math.MaxFloat64) {
			return &NotPositiveDefiniteError{i, pivot}
		}
		root := math.Sqrt(pivot)
		for k := range row {
			row[k] /= root
		}
		for k := 1; k < len(row); k++ {
			subtract(u[(i+k)*leaf+i+k:(i+k)*leaf+n], row[k:], row[k])
		}
	}
	for i := range n {
		for j := range i + 1 {
			a[i*ld+j] = T(u[j*leaf+i])
		}
	}
	return nil
}

// subtract takes c*x out of y.
func subtract(y, x []float64, c float64) {
	x = x[:len(y)]
	for i := range y {
		y[i] -= float64(c * x[i])
	}
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
