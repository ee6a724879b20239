package linalg

import (
	"math"

	"github.com/rouxml/roux/tensor/rng"
)

// sketched is a matrix that is only multiplied with thin ones.
type sketched struct {
	a          []float32
	rows, cols int
	job        *job
}

// subspace is a range that was found.
type subspace struct {
	q         []float32 // rows x k, orthonormal columns
	k         int
	missed    float64 // a bound of the spectral norm of the rest
	frobenius float64 // an estimate of its Frobenius norm
}

// times writes A X to y, for X with k columns.
func (x sketched) times(in []float32, k int, y []float32) {
	product(false, false, x.rows, k, x.cols, 1, x.a, x.cols, in, k, 0, y, k, x.job)
}

// transposeTimes writes A'X to y, for X with k columns.
func (x sketched) transposeTimes(in []float32, k int, y []float32) {
	product(true, false, x.cols, k, x.rows, 1, x.a, x.cols, in, k, 0, y, k, x.job)
}

// findRange multiplies A with k random columns, and probes more that the range
// never sees, then sharpens with A A'. Bases are made orthonormal after each
// product, so that small singular values are not lost under large ones.
func (x sketched) findRange(s Sketch) subspace {
	more := s.Oversampling
	if more == 0 {
		more = oversampling
	}
	k := min(s.Rank+more, x.rows, x.cols)
	all := k + probes
	y := make([]float32, x.rows*all)
	x.times(testMatrix(s.Key, x.cols, k, x.job), all, y)
	basis, probe := splitColumns(y, x.rows, all, k)
	q, _ := orthonormalise(basis, x.rows, k, x.job)
	back := make([]float32, x.cols*k)
	for range s.PowerSteps {
		x.transposeTimes(q, k, back)
		p, _ := orthonormalise(back, x.cols, k, x.job)
		x.times(p, k, basis)
		q, _ = orthonormalise(basis, x.rows, k, x.job)
	}
	missed, frobenius := x.missed(q, k, probe)
	return subspace{q, k, missed, frobenius}
}

// testMatrix draws k columns of random signs, which serve as well as normal
// numbers and cost a bit each, and the standard normal numbers of the probes,
// whose bound needs them: rows x (k+probes).
// Source: Martinsson and Tropp, "Randomized numerical linear algebra:
// Foundations and algorithms" (Acta Numerica 29, 2020), on Rademacher maps.
func testMatrix(key rng.Key, rows, k int, j *job) []float32 {
	x := make([]float32, rows*(k+probes))
	words := (k + 31) / 32
	firstNormal := 2 * rows * words // beyond the counters of the signs
	j.spans(rows, 64, func(from, to int) {
		for i := from; i < to; i++ {
			row := x[i*(k+probes):][:k+probes]
			var word uint32
			for c := range k {
				if c%32 == 0 {
					word = key.Word(i*words + c/32)
				}
				row[c] = 1 - 2*float32(word>>(c%32)&1)
			}
			for p := range probes {
				row[k+p] = float32(key.Normal(firstNormal + i*probes + p))
			}
		}
	})
	return x
}

// splitColumns copies the first k columns and the others of an m x n matrix.
func splitColumns(x []float32, m, n, k int) (first, rest []float32) {
	first, rest = make([]float32, m*k), make([]float32, m*(n-k))
	for i := range m {
		copy(first[i*k:(i+1)*k], x[i*n:])
		copy(rest[i*(n-k):(i+1)*(n-k)], x[i*n+k:])
	}
	return first, rest
}

// missed bounds the spectral norm of (I - Q Q')A by its products with random
// vectors, which y holds without the projection: ten times sqrt(2/pi) the
// longest, but for a chance of 10 to the minus probes. The mean of their squares
// estimates the square of the Frobenius norm.
// Source: Halko, Martinsson and Tropp 2011, equation 4.3.
func (x sketched) missed(q []float32, k int, y []float32) (bound, frobenius float64) {
	c := make([]float32, k*probes)
	product(true, false, k, probes, x.rows, 1, q, k, y, probes, 0, c, probes, x.job)
	product(false, false, x.rows, probes, k, -1, q, k, c, probes, 1, y, probes, x.job)
	var sums [probes]float64
	for i := range x.rows {
		for p, v := range y[i*probes : (i+1)*probes] {
			sums[p] += float64(float64(v) * float64(v))
		}
	}
	longest, total := 0.0, 0.0
	for _, s := range sums {
		longest, total = max(longest, s), total+s
	}
	return 10 * math.Sqrt(2/math.Pi*longest), math.Sqrt(total / probes)
}
