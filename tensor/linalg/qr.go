package linalg

import "slices"

// QRFactors is the factorization A = Q R of an m x n matrix with k = min(m, n):
// Q is kept as k Householder reflections in compact WY form. R's diagonal is
// not negative, which makes R and the first k columns of Q unique when A has
// full rank.
type QRFactors[T float] struct {
	// Rows and Cols are m and n.
	Rows, Cols int
	// R is k x n, upper triangular.
	R []T

	panels  []panel[T]
	flip    []bool // the columns of Q, and the rows of R, that change sign
	workers int
}

// QR factors the m x n matrix a, which it leaves as it was. It takes memory for
// two such matrices. Panels are factored in float64, for float32 too. Workers
// bounds the goroutines; 0 means one for each core.
// Source: Schreiber and Van Loan, "A storage-efficient WY representation for
// products of Householder transformations" (SIAM J. Sci. Stat. Comput. 10,
// 1989); the recursion inside a panel is that of Elmroth and Gustavson (IBM J.
// Res. Dev. 44, 2000).
func QR[T float](a []T, m, n, workers int) (*QRFactors[T], error) {
	if err := checkMatrix(a, m, n, workers); err != nil {
		return nil, err
	}
	return factorQR(slices.Clone(a), m, n, workers), nil
}

// factorQR is QR on a matrix that is its own to overwrite.
func factorQR[T float](work []T, m, n, workers int) *QRFactors[T] {
	k := min(m, n)
	f := &QRFactors[T]{Rows: m, Cols: n, flip: make([]bool, k), workers: workers}
	for at := 0; at < k; at += panelCols {
		width := min(panelCols, k-at)
		p := newPanel(work[at*n+at:], n, m-at, width, workers)
		p.at = at
		f.panels = append(f.panels, p)
		if rest := n - at - width; rest > 0 {
			p.apply(true, work[at*n+at+width:], n, rest, workers)
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
func (f *QRFactors[T]) Q() []T {
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
		p.apply(false, q[p.at*k+p.at:], k, k-p.at, f.workers)
	}
	return q
}

// Apply overwrites the m x cols matrix c with Q C, or with Q'C if trans, where
// Q is the whole m x m matrix.
func (f *QRFactors[T]) Apply(trans bool, c []T, cols int) error {
	if err := checkMatrix(c, f.Rows, cols, f.workers); err != nil {
		return err
	}
	f.apply(trans, c, cols)
	return nil
}

func (f *QRFactors[T]) apply(trans bool, c []T, cols int) {
	if !trans {
		f.flipRows(c, cols)
		for _, p := range slices.Backward(f.panels) {
			p.apply(false, c[p.at*cols:], cols, cols, f.workers)
		}
		return
	}
	for _, p := range f.panels {
		p.apply(true, c[p.at*cols:], cols, cols, f.workers)
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
