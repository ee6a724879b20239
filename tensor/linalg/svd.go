// Package linalg holds the matrix decompositions that ops stand on.
package linalg

import (
	"cmp"
	"context"
	"slices"
)

// SVD is the thin singular value decomposition of an m x n matrix: U S Vt with
// r = min(m, n). Signs are fixed: the element of largest magnitude in each
// column of U is positive, the first of equals deciding.
type SVD struct {
	U  Matrix    // m x r
	S  []float64 // r, largest first
	Vt Matrix    // r x n
}

// Decompose computes the SVD of a row-major rows x cols matrix in float64:
// bidiagonalisation and divide and conquer, after a QR decomposition where one
// side is much longer, and one-sided Jacobi for small matrices. For its memory
// see Memory. It ends with the context's cause within about a second of its
// being cancelled.
// Source: LAPACK's dgesdd in outline; see bidiagonalise and bidiagonalVectors.
func Decompose[T float32 | float64](ctx context.Context, a []T, rows, cols int) (*SVD, error) {
	m, factor, err := widened(a, rows, cols)
	if err != nil {
		return nil, err
	}
	if rows == 0 || cols == 0 {
		return &SVD{U: NewMatrix(rows, 0), S: []float64{}, Vt: NewMatrix(0, cols)}, nil
	}
	j := newJob(ctx)
	t, err := j.decomposeTall(m)
	if err != nil {
		return nil, err
	}
	wide := rows < cols
	t.finish(wide)
	if err := rescale(t.s, factor); err != nil {
		return nil, err
	}
	if wide {
		return &SVD{U: t.v.transposed(), S: t.s, Vt: t.u}, nil
	}
	transpose(m.Data, m.Cols, t.u.Data, m.Rows, m.Cols, m.Rows)
	return &SVD{U: m, S: t.s, Vt: t.v}, nil
}

// SingularValues is the S of Decompose alone, in a fraction of its time.
func SingularValues[T float32 | float64](ctx context.Context, a []T, rows, cols int) ([]float64, error) {
	m, factor, err := widened(a, rows, cols)
	if err != nil || rows == 0 || cols == 0 {
		return []float64{}, err
	}
	s, err := newJob(ctx).valuesTall(m)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(s, func(a, b float64) int { return cmp.Compare(b, a) })
	return s, rescale(s, factor)
}

// Memory is an upper bound of the bytes that Decompose takes for a rows x cols
// matrix, its result included and its input not.
func Memory(rows, cols int) int64 {
	long, short := int64(max(rows, cols)), int64(min(rows, cols))
	elements := long*short + 5*short*short + 8*panelWidth*(long+short)
	if long > short {
		elements += long*short + 2*short*short
	}
	return 8 * elements
}
