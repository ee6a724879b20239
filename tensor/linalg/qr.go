package linalg

import (
	"context"
	"slices"
)

// QRFactors is the factorization A = Q R of an m x n matrix with k = min(m, n):
// Q is kept as k Householder reflections in compact WY form. R's diagonal is
// not negative, which makes R and the first k columns of Q unique when A has
// full rank.
type QRFactors[T float] struct {
	// Rows and Cols are m and n.
	Rows, Cols int
	// R is k x n, upper triangular.
	R []T

	panels []panel[T]
	flip   []bool // the columns of Q, and the rows of R, that change sign
}

// QR factors the m x n matrix a, which it leaves as it was. It takes memory for
// two such matrices. For float32 panels are factored in float64, but the sums of
// products are float32: their rounding averages out, except for matrices of
// nearly equal elements, whose error may reach rows * 2^-24.
// Source: Schreiber and Van Loan, "A storage-efficient WY representation for
// products of Householder transformations" (SIAM J. Sci. Stat. Comput. 10,
// 1989); the recursion inside a panel is that of Elmroth and Gustavson (IBM J.
// Res. Dev. 44, 2000).
func QR[T float](ctx context.Context, a []T, m, n int) (*QRFactors[T], error) {
	j := newJob(ctx)
	if err := checkMatrix(a, m, n, j); err != nil {
		return nil, err
	}
	f := factorQR(slices.Clone(a), m, n, j)
	return f, j.cancelled()
}

// factorQR is QR on a matrix that is its own to overwrite.
func factorQR[T float](work []T, m, n int, j *job) *QRFactors[T] {
	k := min(m, n)
	f := &QRFactors[T]{Rows: m, Cols: n, flip: make([]bool, k)}
	for at := 0; at < k && j.cancelled() == nil; at += panelCols {
		width := min(panelCols, k-at)
		p := newPanel(work[at*n+at:], n, m-at, width, j)
		p.at = at
		f.panels = append(f.panels, p)
		if rest := n - at - width; rest > 0 {
			p.apply(true, work[at*n+at+width:], n, rest, j)
		}
	}
	f.R = work[: k*n : k*n]
	for i := range k {
		row := f.R[i*n : (i+1)*n]
		clear(row[:i])
		if f.flip[i] = row[i] < 0; f.flip[i] {
			negate(row[i:])
		}
	}
	return f
}

func negate[T float](x []T) {
	for i := range x {
		x[i] = -x[i]
	}
}

// Q returns the first k = min(m, n) columns of Q, m x k.
func (f *QRFactors[T]) Q(ctx context.Context) ([]T, error) {
	j := newJob(ctx)
	return f.thinQ(j), j.cancelled()
}

func (f *QRFactors[T]) thinQ(j *job) []T {
	k := min(f.Rows, f.Cols)
	q := make([]T, f.Rows*k)
	for i := range k {
		q[i*k+i] = 1
		if f.flip[i] {
			q[i*k+i] = -1
		}
	}
	// Columns before a panel are still those of the identity, which the panel
	// does not touch.
	for _, p := range slices.Backward(f.panels) {
		p.apply(false, q[p.at*k+p.at:], k, k-p.at, j)
	}
	return q
}

// Apply overwrites the m x cols matrix c with Q C, or with Q'C if trans, where
// Q is the whole m x m matrix.
func (f *QRFactors[T]) Apply(ctx context.Context, trans bool, c []T, cols int) error {
	j := newJob(ctx)
	if err := checkMatrix(c, f.Rows, cols, j); err != nil {
		return err
	}
	f.apply(trans, c, cols, j)
	return j.cancelled()
}

func (f *QRFactors[T]) apply(trans bool, c []T, cols int, j *job) {
	if !trans {
		f.flipRows(c, cols)
		for _, p := range slices.Backward(f.panels) {
			p.apply(false, c[p.at*cols:], cols, cols, j)
		}
		return
	}
	for _, p := range f.panels {
		p.apply(true, c[p.at*cols:], cols, cols, j)
	}
	f.flipRows(c, cols)
}

func (f *QRFactors[T]) flipRows(c []T, cols int) {
	for i, flip := range f.flip {
		if flip {
			negate(c[i*cols : (i+1)*cols])
		}
	}
}
