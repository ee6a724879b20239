package linalg

import "math"

// reflector makes the Householder reflection H = I - tau v v' that maps x to
// (beta, 0, ..., 0). It leaves v in x, with v[0] = 1. Elements whose squares
// underflow beside a matrix of norm one count as zero. The tau returned is that
// of v as rounded, so that H is orthogonal to the last digit.
// Source: Golub and Van Loan, Matrix Computations, 5.1.
func reflector(x []float64) (beta, tau float64) {
	alpha := x[0]
	rest := dot(x[1:], x[1:])
	if rest < 1e-280 {
		clear(x[1:])
		x[0] = 1
		return alpha, 0
	}
	beta = -math.Copysign(math.Sqrt(alpha*alpha+rest), alpha)
	scale(x[1:], 1/(alpha-beta))
	x[0] = 1
	return beta, 2 / dot(x, x)
}

// panelWidth is how many reflections are found before the rest of a matrix is
// brought up to date.
const panelWidth = 32

// backWidth is how many reflections are applied at once to a matrix of n rows:
// more make longer products, and more work beside them.
func backWidth(n int) int {
	switch {
	case n < 256:
		return 32
	case n < 1500:
		return 64
	}
	return 128
}

// block is a product of reflections in compact WY form,
// H_0 H_1 ... H_(k-1) = I - V T V', with the vectors in the rows of v.
// Source: Schreiber and Van Loan 1989, A storage-efficient WY representation.
type block struct {
	k, length int
	v         []float64 // k x length
	t         []float64 // k x k, upper triangular
	work      []float64
}

// newBlock has room for so many vectors up to the given length.
func newBlock(width, length int) *block {
	return &block{v: make([]float64, width*length), t: make([]float64, width*width)}
}

// form computes T from the vectors in v and their tau. The products are summed
// in strands, not one after another as a matrix product does: vectors of equal
// elements, which matrices of low rank make, would cost orthogonality.
func (b *block) form(j *job, k, length int, tau []float64) {
	b.k, b.length = k, length
	t := b.t[:k*k]
	j.each(k, func(r int) { dotRows(t[r*k+r:(r+1)*k], b.v[r*length:], length, b.v[r*length:(r+1)*length]) })
	column := make([]float64, k)
	for i := range k {
		for r := range i {
			s := 0.0
			for c := r; c < i; c++ {
				s += t[r*k+c] * t[c*k+i]
			}
			column[r] = -tau[i] * s
		}
		for r := range k {
			switch {
			case r < i:
				t[r*k+i] = column[r]
			case r == i:
				t[r*k+i] = tau[i]
			}
		}
	}
	for r := range k {
		clear(t[r*k : r*k+r])
	}
}

// loadRows takes vectors from the rows of a: vector r begins at column r.
func (b *block) loadRows(a []float64, lda, k, length int) {
	for r := range k {
		row := b.v[r*length : (r+1)*length]
		clear(row[:r])
		copy(row[r:], a[r*lda+r:r*lda+length])
		row[r] = 1
	}
}

// loadColumns takes vectors from the columns of a: vector r begins at row r.
func (b *block) loadColumns(a []float64, lda, k, length int) {
	transpose(b.v, length, a, lda, length, k)
	for r := range k {
		row := b.v[r*length : (r+1)*length]
		clear(row[:r])
		row[r] = 1
	}
}

// applyRight multiplies the rows x length matrix c from the right by the
// block's transpose, H_(k-1) ... H_0.
func (b *block) applyRight(j *job, rows int, c []float64, ldc int) error {
	k := b.k
	b.grow(2 * rows * k)
	w, wt := b.work[:rows*k], b.work[rows*k:2*rows*k]
	if err := j.multiply(false, true, rows, k, b.length, 1, c, ldc, b.v, b.length, 0, w, k); err != nil {
		return err
	}
	if err := j.multiply(false, true, rows, k, k, 1, w, k, b.t, k, 0, wt, k); err != nil {
		return err
	}
	return j.multiply(false, false, rows, b.length, k, -1, wt, k, b.v, b.length, 1, c, ldc)
}

// applyLeft multiplies the length x cols matrix c from the left by the block's
// transpose, H_(k-1) ... H_0.
func (b *block) applyLeft(j *job, cols int, c []float64, ldc int) error {
	k := b.k
	b.grow(2 * cols * k)
	w, wt := b.work[:cols*k], b.work[cols*k:2*cols*k]
	if err := j.multiply(false, false, k, cols, b.length, 1, b.v, b.length, c, ldc, 0, w, cols); err != nil {
		return err
	}
	if err := j.multiply(true, false, k, cols, k, 1, b.t, k, w, cols, 0, wt, cols); err != nil {
		return err
	}
	return j.multiply(true, false, b.length, cols, k, -1, b.v, b.length, wt, cols, 1, c, ldc)
}

func (b *block) grow(n int) {
	if len(b.work) < n {
		b.work = make([]float64, n)
	}
}
