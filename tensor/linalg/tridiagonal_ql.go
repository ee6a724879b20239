package linalg

import "math"

const (
	epsilon = 0x1p-53 // half the distance from one to the next number
	// negligible is what counts as zero beside a matrix of norm one; its square
	// does not underflow.
	negligible = 1e-150
	// maxSweeps bounds the sweeps for each value; two or three are usual.
	maxSweeps = 60
)

// rotateRows turns rows i and i+1 of the matrix of n columns at q; a nil q is
// for values without vectors.
func rotateRows(q []float64, ld, n, i int, c, s float64) {
	if q != nil {
		rotate(q[i*ld:i*ld+n], q[(i+1)*ld:(i+1)*ld+n], c, s)
	}
}

// tridiagonalQL turns the symmetric tridiagonal matrix (d, e) of norm about one
// into its eigenvalues in d, in no order, by implicit QL with Wilkinson's shift.
// The rows of the len(d) x len(d) matrix at q, unless nil, turn along. The
// result is the largest off-diagonal element left: zero unless it fails.
// Source: Parlett, The Symmetric Eigenvalue Problem, chapter 8.
func tridiagonalQL(d, e, q []float64, ld int) (left float64) {
	n := len(d)
	budget := maxSweeps * n
	for low := 0; low < n-1; {
		high := low
		for high < n-1 && !splits(d, e, high) {
			high++
		}
		if high < n-1 {
			e[high] = 0
		}
		if high == low {
			low++
			continue
		}
		if budget--; budget < 0 {
			return largest(e)
		}
		qlSweep(d, e, q, ld, low, high)
	}
	return 0
}

func splits(d, e []float64, i int) bool {
	v := math.Abs(e[i])
	return v <= negligible || v <= epsilon*math.Sqrt(math.Abs(d[i]))*math.Sqrt(math.Abs(d[i+1]))
}

func largest(x []float64) (m float64) {
	for _, v := range x {
		m = max(m, math.Abs(v))
	}
	return m
}

// length is the root of f^2 + g^2, for numbers that do not overflow.
func length(f, g float64) float64 {
	if r := math.Sqrt(f*f + g*g); r > 1e-140 {
		return r
	}
	return math.Hypot(f, g)
}

// qlSweep chases the bulge from high up to low.
func qlSweep(d, e, q []float64, ld, low, high int) {
	n := len(d)
	g := (d[low+1] - d[low]) / (2 * e[low])
	r := math.Hypot(g, 1)
	g = d[high] - d[low] + e[low]/(g+math.Copysign(r, g))
	s, c, p := 1.0, 1.0, 0.0
	for i := high - 1; i >= low; i-- {
		f, b := s*e[i], c*e[i]
		r = length(f, g)
		if i+1 < high {
			e[i+1] = r
		}
		if r == 0 {
			// The matrix splits here by underflow.
			d[i+1] -= p
			return
		}
		s, c = f/r, g/r
		g = d[i+1] - p
		t := (d[i]-g)*s + 2*c*b
		p = s * t
		d[i+1] = g + p
		g = c*t - b
		rotateRows(q, ld, n, i, c, -s)
	}
	d[low] -= p
	e[low] = g
}
