package linalg

import (
	"context"
	"fmt"
	"math"
)

// PseudoInverse returns the cols x rows pseudo-inverse of the rows x cols matrix
// a. With damping > 0 it is that of ridge regression, (A'A + damping*I)^-1 A',
// found without A'A by factoring A above sqrt(damping)*I; with 0 it is Moore and
// Penrose's, for which singular values count as in LeastSquares.
// Source: Golub and Van Loan, Matrix Computations, 5.5 and 6.1.
func PseudoInverse[T float](ctx context.Context, a []T, rows, cols int, damping float64) ([]T, error) {
	j := newJob(ctx)
	if !(damping >= 0 && damping <= math.MaxFloat64) {
		return nil, fmt.Errorf("a damping of %v: it must be finite and not negative", damping)
	}
	if err := checkMatrix(a, rows, cols, j); err != nil {
		return nil, err
	}
	if rows == 0 || cols == 0 {
		return []T{}, nil
	}
	f, err := factorLong(ctx, a, rows, cols, damping, j)
	if err != nil {
		return nil, err
	}
	long, n := max(rows, cols), f.n
	g := f.qr.thinQ(j)[:long*n]
	if f.pinvR == nil {
		solver[T]{Triangle{Right: true, Upper: true, Trans: true}, j}.solve(n, f.qr.R, n, g, n, long)
	} else {
		q := g
		g = make([]T, long*n)
		product(false, true, long, n, n, 1, q, n, f.pinvR, n, 0, g, n, j)
	}
	if rows < cols {
		return g, j.cancelled()
	}
	out := make([]T, n*long)
	transpose(out, long, g, n, long, n)
	return out, j.cancelled()
}
