package linalg

import (
	"context"
	"math"
)

// orthonormalise factors the m x n matrix y, m >= n, as Q R. It takes the Cholesky factor of Y'Y in float64,
// twice if Y is not well conditioned, and Householder reflections if it is
// close to rank-deficient.
// Source: Yamamoto, Nakatsukasa, Yanagisawa and Fukaya, "Roundoff error
// analysis of the CholeskyQR2 algorithm" (ETNA 44, 2015).
func orthonormalise(y []float32, m, n int, j *job) (q []float32, r []float64) {
	if q, r, ok := choleskyQR(y, m, n, j); ok {
		return q, r
	}
	f := factorQR(convertTo[float64](y), m, n, j)
	return convertTo[float32](f.thinQ(j)), f.R
}

// choleskyQR is one or two rounds of Cholesky QR; ok is false when the result
// may not be orthonormal.
func choleskyQR(y []float32, m, n int, j *job) (q []float32, r []float64, ok bool) {
	wide := make([]float64, len(y))
	j.spans(len(y), 1<<14, func(from, to int) {
		for i, v := range y[from:to] {
			wide[from+i] = float64(v)
		}
	})
	r, spread := choleskyRound(wide, m, n, j)
	// A round leaves Q'Q within about spread^2 * 1e-16 of the identity: float32
	// hides 1e-8, and a second round mends up to a percent.
	if spread > mendable {
		return nil, nil, false
	}
	if spread > 1e4 {
		second, again := choleskyRound(wide, m, n, j)
		if again > 2*float64(n) {
			return nil, nil, false
		}
		first := r
		r = make([]float64, n*n)
		product(false, false, n, n, n, 1, second, n, first, n, 0, r, n, j)
	}
	q = make([]float32, len(y))
	j.spans(len(y), 1<<14, func(from, to int) {
		for i, v := range wide[from:to] {
			q[from+i] = float32(v)
		}
	})
	return q, r, true
}

// mendable is the largest condition number for which Cholesky QR serves.
const mendable = 1e7

// choleskyRound replaces y by Y R^-1, R'R = Y'Y, and returns R and a bound of
// its condition number, infinite when Y'Y is not positive definite.
func choleskyRound(y []float64, m, n int, j *job) (r []float64, spread float64) {
	l, r := make([]float64, n*n), make([]float64, n*n)
	product(true, false, n, n, m, 1, y, n, y, n, 0, l, n, j)
	if cholesky(l, n, n, 0, j) != nil {
		return nil, math.Inf(1)
	}
	for i := range n {
		for k := range i + 1 {
			r[k*n+i] = l[i*n+k]
		}
	}
	inverse := make([]float64, n*n)
	copy(inverse, r)
	invertTriangle(true, n, inverse, n, j)
	spread = frobenius(r) * frobenius(inverse)
	if spread <= mendable {
		solver[float64]{Triangle{Right: true, Upper: true}, j}.solve(n, r, n, y, n, m)
	}
	return r, spread
}

func frobenius(x []float64) float64 { return math.Sqrt(dot(x, x)) }

// convertTo copies a matrix to another type.
func convertTo[U, T float](x []T) []U {
	out := make([]U, len(x))
	for i, v := range x {
		out[i] = U(v)
	}
	return out
}

// smallSVD decomposes a matrix that is small beside the problem it comes from.
func smallSVD(ctx context.Context, a []float64, rows, cols int) (*SVD, error) {
	return Decompose(ctx, a, rows, cols)
}
