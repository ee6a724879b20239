package linalg

import (
	"context"
	"fmt"
)

// Triangle says how a triangular matrix T enters an equation; the zero value is
// T X = B with T lower triangular.
type Triangle struct {
	Right bool // X op(T) = B instead of op(T) X = B
	Upper bool // T is upper triangular; the other half is never read
	Trans bool // op transposes
}

// SingularError says that a triangular matrix has a zero on its diagonal.
type SingularError struct{ Index int }

// Error names the place and a cure.
func (e *SingularError) Error() string {
	return fmt.Sprintf("the triangular matrix is singular: element %d of its diagonal is zero (add damping, or drop the dependent column)", e.Index)
}

// SolveTriangular overwrites the rows x cols matrix b with the X that solves
// the equation that kind names. T is n x n, n being rows, or cols when T stands
// on the right. Diagonal blocks of 64 are solved by substitution in float64 and
// the rest is products. Both matrices must be finite.
// Source: the recursion of Elmroth, Gustavson, Jonsson and Kågström, "Recursive
// blocked algorithms and hybrid data structures" (SIAM Review 46, 2004).
func SolveTriangular[T float](ctx context.Context, kind Triangle, t, b []T, rows, cols int) error {
	j := newJob(ctx)
	n := rows
	if kind.Right {
		n = cols
	}
	if err := checkTriangle(kind.Upper, t, n, j); err != nil {
		return err
	}
	if err := checkMatrix(b, rows, cols, j); err != nil {
		return err
	}
	if err := checkDiagonal(t, n); err != nil {
		return err
	}
	solver[T]{kind, j}.solve(n, t, n, b, cols, rows+cols-n)
	return j.cancelled()
}

func checkDiagonal[T float](t []T, n int) error {
	for i := range n {
		if t[i*n+i] == 0 {
			return &SingularError{i}
		}
	}
	return nil
}

// InvertTriangular overwrites the n x n lower triangular matrix t, or upper if
// so told, with its inverse X, so that X T is close to the identity. The other
// half is neither read nor written.
func InvertTriangular[T float](ctx context.Context, upper bool, t []T, n int) error {
	j := newJob(ctx)
	if err := checkTriangle(upper, t, n, j); err != nil {
		return err
	}
	if err := checkDiagonal(t, n); err != nil {
		return err
	}
	invertTriangle(upper, n, t, n, j)
	return j.cancelled()
}

// invertTriangle makes the block between the halves that of X T = I, for which
// one half must be inverted before and the other after.
// Source: Du Croz and Higham, "Stability of methods for matrix inversion" (IMA
// J. Numer. Anal. 12, 1992).
func invertTriangle[T float](upper bool, n int, t []T, ld int, j *job) {
	if n <= solveLeaf {
		invertLeaf(upper, n, t, ld, j)
		return
	}
	h := half(n)
	low := t[h*ld+h:]
	if upper {
		block := t[h:]
		invertTriangle(upper, h, t, ld, j)
		multiplyTriangle(Triangle{Upper: true}, h, n-h, t, ld, block, ld, j)
		solver[T]{Triangle{Upper: true, Right: true}, j}.solve(n-h, low, ld, block, ld, h)
		negateRows(block, ld, h, n-h)
		invertTriangle(upper, n-h, low, ld, j)
		return
	}
	block := t[h*ld:]
	invertTriangle(upper, n-h, low, ld, j)
	multiplyTriangle(Triangle{}, n-h, h, low, ld, block, ld, j)
	solver[T]{Triangle{Right: true}, j}.solve(h, t, ld, block, ld, n-h)
	negateRows(block, ld, n-h, h)
	invertTriangle(upper, h, t, ld, j)
}

func negateRows[T float](a []T, ld, rows, cols int) {
	for i := range rows {
		negate(a[i*ld : i*ld+cols])
	}
}

// invertLeaf solves X T = I.
func invertLeaf[T float](upper bool, n int, t []T, ld int, j *job) {
	x := make([]T, n*n)
	for i := range n {
		x[i*n+i] = 1
	}
	solver[T]{Triangle{Right: true, Upper: upper}, j}.solve(n, t, ld, x, n, n)
	for i := range n {
		from, to := triangleRow(upper, i, n)
		copy(t[i*ld+from:i*ld+to], x[i*n+from:i*n+to])
	}
}
