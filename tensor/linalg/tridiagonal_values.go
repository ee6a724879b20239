package linalg

import "math"

// tridiagonalValues turns the symmetric tridiagonal matrix (d, e) of norm about
// one into its eigenvalues in d, in no order, by QL on the squares of e, which
// takes no square root for each rotation. The result is what tridiagonalQL's is.
// Source: Parlett, The Symmetric Eigenvalue Problem, 8.15 (Pal, Walker, Kahan).
func tridiagonalValues(d, e []float64) (left float64) {
	n := len(d)
	budget := maxSweeps * n
	for i, v := range e {
		e[i] = v * v
	}
	for low := 0; low < n-1; {
		high := low
		for high < n-1 && !squareSplits(d, e, high) {
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
			return math.Sqrt(largest(e))
		}
		pwkSweep(d, e, low, high)
	}
	return 0
}

func squareSplits(d, squares []float64, i int) bool {
	return squares[i] <= max(negligible*negligible, epsilon*epsilon*math.Abs(d[i]*d[i+1]))
}

// pwkSweep is qlSweep on squares.
func pwkSweep(d, squares []float64, low, high int) {
	root := math.Sqrt(squares[low])
	sigma := (d[low+1] - d[low]) / (2 * root)
	sigma = d[low] - root/(sigma+math.Copysign(math.Hypot(sigma, 1), sigma))
	c, s := 1.0, 0.0
	gamma := d[high] - sigma
	p := gamma * gamma
	for i := high - 1; i >= low; i-- {
		b := squares[i]
		r := p + b
		if i+1 < high {
			squares[i+1] = s * r
		}
		before, old := c, gamma
		c, s = p/r, b/r
		alpha := d[i]
		gamma = c*(alpha-sigma) - s*old
		d[i+1] = old + (alpha - gamma)
		if c != 0 {
			p = gamma * gamma / c
		} else {
			p = before * b
		}
	}
	squares[low] = s * p
	d[low] = sigma + gamma
}
