package linalg

import "math"

// signOf is the sign of x's element of largest magnitude, the first of equals
// deciding: what fixes the sign of a singular vector or an eigenvector.
func signOf(x []float64) float64 {
	best := 0.0
	for _, v := range x {
		if math.Abs(v) > math.Abs(best) {
			best = v
		}
	}
	return math.Copysign(1, best)
}
