package linalg

import (
	"math"
)

const (
	// panelCols is how many reflections are applied at once.
	panelCols = 128
	// panelLeaf is how many columns of a panel are reduced one by one.
	panelLeaf = 8
)

// panel is a product of reflections H_0 H_1 ... = I - V'TV, with the vectors in
// the rows of V.
type panel[T float] struct {
	at       int // the first row it acts on
	k, width int
	v        []T // k x width
	t        []T // k x k, upper triangular
}

// newPanel reduces the first k columns of the m-row matrix a to upper
// triangular form and returns the reflections that did it.
func newPanel[T float](a []T, lda, m, k int, j *job) panel[T] {
	x := make([]float64, k*m)
	for i := range m {
		for j, v := range a[i*lda : i*lda+k] {
			x[j*m+i] = float64(v)
		}
	}
	w := &panelWork{m: m, job: j, t: make([]float64, k*k), buf: make([]float64, 2*k*k)}
	w.reduce(x, 0, k)
	for i := range m {
		for j := i; j < k; j++ {
			a[i*lda+j] = T(x[j*m+i])
		}
	}
	p := panel[T]{k: k, width: m, v: make([]T, k*m), t: make([]T, k*k)}
	for j := range k {
		row := p.v[j*m : (j+1)*m]
		row[j] = 1
		for i := j + 1; i < m; i++ {
			row[i] = T(x[j*m+i])
		}
	}
	widened := widen(x, p.v)
	w.form(widened, m, k, m)
	for i := range k * k {
		p.t[i] = T(w.t[i])
	}
	return p
}

// widen copies v into x, or returns v if it is float64 already.
func widen[T float](x []float64, v []T) []float64 {
	if same, ok := any(v).([]float64); ok {
		return same
	}
	for i := range v {
		x[i] = float64(v[i])
	}
	return x
}

// panelWork reduces a panel that is kept transposed: row j holds column j.
type panelWork struct {
	m      int
	job    *job
	t, buf []float64
}

// reduce works on columns from to to of the panel x: the first half, then its
// reflections on the second half, then that.
func (w *panelWork) reduce(x []float64, from, to int) {
	if to-from <= panelLeaf {
		w.reduceLeaf(x, from, to)
		return
	}
	mid := from + ((to-from)/2+panelLeaf-1)/panelLeaf*panelLeaf
	w.reduce(x, from, mid)
	w.applyHalf(x, from, mid, to)
	w.reduce(x, mid, to)
}

// applyHalf applies the reflections of columns from to mid to columns mid to
// to. The triangle of R above the vectors is set aside meanwhile.
func (w *panelWork) applyHalf(x []float64, from, mid, to int) {
	k, n, m, length := mid-from, to-mid, w.m, w.m-from
	v, c := x[from*m+from:], x[mid*m+from:]
	r := w.setAside(v, k)
	w.form(v, m, k, length)
	y, z := w.buf[:n*k], w.buf[n*k:2*n*k]
	product(false, true, n, k, length, 1, c, m, v, m, 0, y, k, w.job)
	product(false, false, n, k, k, 1, y, k, w.t, k, 0, z, k, w.job)
	product(false, false, n, length, k, -1, z, k, v, m, 1, c, m, w.job)
	restore(v, m, k, r)
}

// setAside replaces the k x k triangle of R, which lies in the rows of v, by
// the ones and zeros of the vectors, and returns it.
func (w *panelWork) setAside(v []float64, k int) []float64 {
	r := make([]float64, k*k)
	for j := range k {
		row := v[j*w.m : j*w.m+j+1]
		copy(r[j*k:], row)
		clear(row[:j])
		row[j] = 1
	}
	return r
}

func restore(v []float64, ld, k int, r []float64) {
	for j := range k {
		copy(v[j*ld:j*ld+j+1], r[j*k:])
	}
}

// form computes T for k vectors of the given length from the vectors alone:
// I - V'TV is orthogonal when the inverse of T has half the diagonal of VV' and
// its strict upper triangle.
// Source: Joffrain, Low, Quintana-Ortí, van de Geijn and Van Zee,
// "Accumulating Householder transformations, revisited" (ACM TOMS 32, 2006).
func (w *panelWork) form(v []float64, ld, k, length int) {
	t := w.t[:k*k]
	product(false, true, k, k, length, 1, v, ld, v, ld, 0, t, k, w.job)
	for i := range k {
		clear(t[i*k : i*k+i])
		t[i*k+i] /= 2
	}
	invertTriangle(true, k, t, k, w.job)
}

// reduceLeaf reduces columns from to to one by one.
func (w *panelWork) reduceLeaf(x []float64, from, to int) {
	m := w.m
	for j := from; j < to; j++ {
		v := x[j*m+j : (j+1)*m]
		beta, tau := reflection(v)
		for c := j + 1; c < to; c++ {
			y := x[c*m+j : (c+1)*m]
			d := tau * (y[0] + dot(v[1:], y[1:]))
			y[0] -= d
			axpy(y[1:], v[1:], -d)
		}
		v[0] = beta
	}
}

// reflection makes I - tau v v' map x to (beta, 0, ...) and leaves v, whose
// first element is one, in x[1:].
// Source: Golub and Van Loan, Matrix Computations, 5.1.
func reflection(x []float64) (beta, tau float64) {
	norm := euclid(x)
	alpha := x[0]
	beta = -math.Copysign(norm, alpha)
	rest := euclid(x[1:])
	if rest == 0 {
		return -alpha, 2
	}
	divisor := alpha - beta
	for i := range x[1:] {
		x[i+1] /= divisor
	}
	return beta, divisor / -beta
}

// euclid is the Euclidean norm, scaled when squares would leave the range of
// float64.
func euclid(x []float64) float64 {
	if s := dot(x, x); s > 1e-280 && s < 1e280 {
		return math.Sqrt(s)
	}
	largest := 0.0
	for _, v := range x {
		largest = max(largest, math.Abs(v))
	}
	if largest == 0 {
		return 0
	}
	s := 0.0
	for _, v := range x {
		s += float64(v / largest * (v / largest))
	}
	return largest * math.Sqrt(s)
}

// apply overwrites the width x cols matrix c with the product of the
// reflections, or its transpose, times C.
func (p *panel[T]) apply(trans bool, c []T, ldc, cols int, j *job) {
	y, z := make([]T, p.k*cols), make([]T, p.k*cols)
	product(false, false, p.k, cols, p.width, 1, p.v, p.width, c, ldc, 0, y, cols, j)
	product(trans, false, p.k, cols, p.k, 1, p.t, p.k, y, cols, 0, z, cols, j)
	product(true, false, p.width, cols, p.k, -1, p.v, p.width, z, cols, 1, c, ldc, j)
}
