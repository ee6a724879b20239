package linalg

import (
	"context"
	"math"
)

// LeastSquares returns the x, cols x rhs, of least norm among those that make
// the norm of A X - B least, and the rank of A: how many singular values exceed
// the largest times max(rows, cols) times the precision of T. A is rows x cols,
// B rows x rhs. Full rank takes a QR factorization of A, or of A' when A is
// wide; otherwise the triangular factor is decomposed by its SVD.
// Source: Golub and Van Loan, Matrix Computations, 5.5.
func LeastSquares[T float](ctx context.Context, a, b []T, rows, cols, rhs int) (x []T, rank int, err error) {
	j := newJob(ctx)
	if err := checkMatrix(a, rows, cols, j); err != nil {
		return nil, 0, err
	}
	if err := checkMatrix(b, rows, rhs, j); err != nil {
		return nil, 0, err
	}
	x = make([]T, cols*rhs)
	if rows == 0 || cols == 0 {
		return x, 0, nil
	}
	f, err := factorLong(ctx, a, rows, cols, 0, j)
	if err != nil {
		return nil, 0, err
	}
	if rows < cols {
		copy(x, b)
		f.solveTransposed(x[:rows*rhs], rhs)
		f.qr.apply(false, x, rhs, j)
		return x, f.rank, j.cancelled()
	}
	y := make([]T, rows*rhs)
	copy(y, b)
	f.qr.apply(true, y, rhs, j)
	copy(x, y)
	f.solve(x, rhs)
	return x, f.rank, j.cancelled()
}

// longFactors is the QR factorization of a matrix, or of its transpose when
// that is longer, with what its rank calls for.
type longFactors[T float] struct {
	qr    *QRFactors[T]
	n     int // the shorter side
	rank  int
	pinvR []T // the pseudo-inverse of R when it is deficient, else nil
	job   *job
}

// factorLong factors the longer of A and A', with the rows of sqrt(damping)*I
// below it unless damping is 0.
func factorLong[T float](ctx context.Context, a []T, rows, cols int, damping float64, j *job) (*longFactors[T], error) {
	long, n := max(rows, cols), min(rows, cols)
	height := long
	if damping > 0 {
		height += n
	}
	work := make([]T, height*n)
	if rows < cols {
		transpose(work, n, a, cols, rows, cols)
	} else {
		copy(work, a)
	}
	for i := range height - long {
		work[(long+i)*n+i] = T(math.Sqrt(damping))
	}
	f := &longFactors[T]{qr: factorQR(work, height, n, j), n: n, rank: n, job: j}
	if err := j.cancelled(); err != nil {
		return nil, err
	}
	cutoff := float64(height) * precision[T]()
	if conditionBound(f.qr.R, n, j) < 1/cutoff {
		return f, nil
	}
	return f, f.decompose(ctx, cutoff)
}

// precision is the distance from 1 to the next number.
func precision[T float]() float64 {
	if T(1)+T(0x1p-52) > 1 {
		return 0x1p-52
	}
	return 0x1p-23
}

// conditionBound bounds the condition number of an upper triangle from above:
// the product of the Frobenius norms of it and its inverse.
func conditionBound[T float](r []T, n int, j *job) float64 {
	if checkDiagonal(r, n) != nil {
		return math.Inf(1)
	}
	wide := convertTo[float64](r)
	norm := frobenius(wide)
	invertTriangle(true, n, wide, n, j)
	if bound := norm * frobenius(wide); bound > 0 {
		return bound
	}
	return math.Inf(1) // the inverse overflowed
}

// decompose finds the rank of R and its pseudo-inverse V S^+ U'.
func (f *longFactors[T]) decompose(ctx context.Context, cutoff float64) error {
	n := f.n
	d, err := smallSVD(ctx, convertTo[float64](f.qr.R), n, n)
	if err != nil {
		return err
	}
	f.rank = 0
	for f.rank < n && d.S[f.rank] > cutoff*d.S[0] {
		scale(d.Vt.Row(f.rank), 1/d.S[f.rank])
		f.rank++
	}
	p := make([]float64, n*n)
	product(true, true, n, n, f.rank, 1, d.Vt.Data, n, d.U.Data, n, 0, p, n, f.job)
	f.pinvR = convertTo[T](p)
	return nil
}

// solve overwrites the n x cols matrix b with R^+ B.
func (f *longFactors[T]) solve(b []T, cols int) {
	f.solveWith(false, b, cols)
}

// solveTransposed overwrites b with the pseudo-inverse of R' times B.
func (f *longFactors[T]) solveTransposed(b []T, cols int) {
	f.solveWith(true, b, cols)
}

func (f *longFactors[T]) solveWith(trans bool, b []T, cols int) {
	n := f.n
	if f.pinvR == nil {
		solver[T]{Triangle{Upper: true, Trans: trans}, f.job}.solve(n, f.qr.R, n, b, cols, cols)
		return
	}
	in := make([]T, n*cols)
	copy(in, b)
	product(trans, false, n, cols, n, 1, f.pinvR, n, in, cols, 0, b, cols, f.job)
}
