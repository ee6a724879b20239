package linalg

import "math"

// jacobiSize is the order up to which one-sided Jacobi is used: it is as fast
// there, and finds small singular values to high relative accuracy.
const jacobiSize = 24

// jacobi makes the n rows of w (n x m, n <= m) orthogonal by rotations, which it
// collects in the rows of v (n x n): w before = v' times w after. Rows of larger
// norm come first in each rotation, so that small ones keep their digits.
// Source: Demmel and Veselic 1992, Jacobi's method is more accurate than QR.
func jacobi(w []float64, m, n int) (v []float64, left float64) {
	v = make([]float64, n*n)
	for i := range n {
		v[i*n+i] = 1
	}
	tolerance := 2 * epsilon * math.Sqrt(float64(m))
	for range maxSweeps {
		left = 0
		for p := range n - 1 {
			for q := p + 1; q < n; q++ {
				left = max(left, jacobiRotate(w[p*m:][:m], w[q*m:][:m], v[p*n:][:n], v[q*n:][:n], tolerance))
			}
		}
		if left <= tolerance {
			return v, 0
		}
	}
	return v, left
}

// jacobiRotate makes x and y orthogonal, x the longer, and returns the cosine of
// the angle that they had.
func jacobiRotate(x, y, vx, vy []float64, tolerance float64) float64 {
	nx, ny := math.Sqrt(dot(x, x)), math.Sqrt(dot(y, y))
	if ny > nx {
		nx, ny = ny, nx
		rotate(x, y, 0, 1)
		rotate(vx, vy, 0, 1)
	}
	if ny < negligible {
		return 0
	}
	cosine := dot(x, y) / nx / ny
	if math.Abs(cosine) <= tolerance {
		return math.Abs(cosine)
	}
	// The tangent of the angle solves t^2 + 2 zeta t = 1.
	zeta := (nx/ny - ny/nx) / (2 * cosine)
	t := 1 / (zeta + math.Copysign(math.Sqrt(1+zeta*zeta), zeta))
	if math.Abs(zeta) > 1e100 {
		t = 1 / (2 * zeta)
	}
	c := 1 / math.Sqrt(1+t*t)
	rotate(x, y, c, c*t)
	rotate(vx, vy, c, c*t)
	return math.Abs(cosine)
}

// normalise divides the rows of w (n x m) by their norms, which it returns. Rows
// without a norm become unit vectors orthogonal to all others.
func normalise(w []float64, m, n int) (norms []float64) {
	norms = make([]float64, n)
	for i := range n {
		row := w[i*m : (i+1)*m]
		if norm := math.Sqrt(dot(row, row)); norm >= negligible {
			norms[i] = norm
			unit(row, row)
		} else {
			clear(row)
		}
	}
	for i := range n {
		if norms[i] == 0 {
			complete(w, m, n, i)
		}
	}
	return norms
}

// complete fills row i of w with a unit vector orthogonal to the other rows,
// which are orthonormal or zero: the first coordinate vector that has enough of
// itself outside their span.
func complete(w []float64, m, n, i int) {
	row := w[i*m : (i+1)*m]
	for e := range m {
		inside := 0.0
		for r := range n {
			inside += w[r*m+e] * w[r*m+e]
		}
		if 1-inside < 0.5/float64(m) {
			continue
		}
		row[e] = 1
		for range 2 {
			for r := range n {
				if r != i {
					other := w[r*m : (r+1)*m]
					axpy(row, other, -dot(row, other))
				}
			}
			unit(row, row)
		}
		return
	}
}
