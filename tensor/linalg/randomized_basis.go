package linalg

import (
	"context"
	"math"
	"slices"
)

// orthonormalise makes the k rows of y, k <= n, orthonormal and returns the k x
// k lower triangle L with which Y was L times the result. It takes the Cholesky
// factor of YY' in float64, twice if Y is not well conditioned, and Householder
// reflections if it is close to rank-deficient.
// Source: Yamamoto, Nakatsukasa, Yanagisawa and Fukaya, "Roundoff error
// analysis of the CholeskyQR2 algorithm" (ETNA 44, 2015).
func orthonormalise(y []float32, k, n int, j *job) (l []float64) {
	wide := make([]float64, len(y))
	j.spans(len(y), 1<<14, func(from, to int) { copyTo(wide[from:to], y[from:to]) })
	l, ok := choleskyLQ(wide, k, n, j)
	if !ok {
		l = householderLQ(wide, y, k, n, j)
	}
	j.spans(len(y), 1<<14, func(from, to int) { copyTo(y[from:to], wide[from:to]) })
	return l
}

// mendable is the largest condition number for which Cholesky QR serves. A
// round leaves QQ' within about its square times 1e-16 of the identity: float32
// hides 1e-8, so that up to exact one round is enough, and a second round mends
// up to a percent.
const (
	mendable = 1e7
	exact    = 1e4
)

// choleskyLQ is one or two rounds of Cholesky QR; where ok is false the rows of
// y are of no use.
func choleskyLQ(y []float64, k, n int, j *job) (l []float64, ok bool) {
	l, spread := choleskyRound(y, k, n, j)
	if spread <= exact || spread > mendable {
		return l, spread <= exact
	}
	second, again := choleskyRound(y, k, n, j)
	if again > exact {
		return nil, false
	}
	whole := make([]float64, k*k)
	product(false, false, k, k, k, 1, l, k, second, k, 0, whole, k, j)
	return whole, true
}

// choleskyRound replaces y by the solution X of L X = Y, LL' = YY', and returns
// L and a bound of its condition number, infinite when YY' is not positive
// definite.
func choleskyRound(y []float64, k, n int, j *job) (l []float64, spread float64) {
	l = make([]float64, k*k)
	product(false, true, k, k, n, 1, y, n, y, n, 0, l, k, j)
	if cholesky(l, k, k, 0, j) != nil {
		return nil, math.Inf(1)
	}
	for i := range k {
		clear(l[i*k+i+1 : (i+1)*k])
	}
	inverse := slices.Clone(l)
	invertTriangle(false, k, inverse, k, j)
	spread = frobenius(l) * frobenius(inverse)
	if spread <= mendable {
		solver[float64]{Triangle{}, j}.solve(k, l, k, y, n, n)
	}
	return l, spread
}

// householderLQ writes the orthonormal rows to q.
func householderLQ(q []float64, y []float32, k, n int, j *job) (l []float64) {
	columns := make([]float64, len(y))
	transpose(columns, k, y, n, k, n)
	f := factorQR(columns, n, k, j)
	transpose(q, n, f.thinQ(j), k, n, k)
	l = make([]float64, k*k)
	transpose(l, k, f.R, k, k, k)
	return l
}

func frobenius(x []float64) float64 { return math.Sqrt(dot(x, x)) }

// copyTo copies numbers to another type.
func copyTo[U, T float](to []U, from []T) {
	for i, v := range from {
		to[i] = U(v)
	}
}

// convertTo is a copy in another type.
func convertTo[U, T float](x []T) []U {
	out := make([]U, len(x))
	copyTo(out, x)
	return out
}

// smallSVD decomposes a matrix that is small beside the problem it comes from.
func smallSVD(ctx context.Context, a []float64, rows, cols int) (*SVD, error) {
	return Decompose(ctx, a, rows, cols)
}
