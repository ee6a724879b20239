package linalg

import (
	"math"

	"github.com/rouxml/roux/tensor/rng"
)

// sketched is a matrix that is only multiplied with thin ones. These are kept
// transposed, k long rows: products and bases then run along memory.
type sketched struct {
	a          []float32
	rows, cols int
	job        *job
}

// subspace is a range that was found.
type subspace struct {
	q         []float32 // k x rows, orthonormal rows
	k         int
	missed    float64 // a bound of the spectral norm of the rest
	frobenius float64 // an estimate of its Frobenius norm
}

// forth writes X A' to y: A applied to the k rows of x.
func (s sketched) forth(x []float32, k int, y []float32) {
	product(false, true, k, s.rows, s.cols, 1, x, s.cols, s.a, s.cols, 0, y, s.rows, s.job)
}

// back writes X A to y: A' applied to the k rows of x.
func (s sketched) back(x []float32, k int, y []float32) {
	product(false, false, k, s.cols, s.rows, 1, x, s.rows, s.a, s.cols, 0, y, s.cols, s.job)
}

// findRange applies A to k random vectors, and to probes more that the range
// never sees, then sharpens with A A'. Bases are made orthonormal after each
// product, so that small singular values are not lost under large ones.
func (s sketched) findRange(want Sketch) subspace {
	more := want.Oversampling
	if more == 0 {
		more = oversampling
	}
	k := min(want.Rank+more, s.rows, s.cols)
	y := make([]float32, (k+probes)*s.rows)
	s.forth(testMatrix(want.Key, k, s.cols, s.job), k+probes, y)
	basis, probe := y[:k*s.rows], y[k*s.rows:]
	orthonormalise(basis, k, s.rows, s.job)
	other := make([]float32, k*s.cols)
	for range want.PowerSteps {
		s.back(basis, k, other)
		orthonormalise(other, k, s.cols, s.job)
		s.forth(other, k, basis)
		orthonormalise(basis, k, s.rows, s.job)
	}
	missed, frobenius := s.missed(basis, k, probe)
	return subspace{basis, k, missed, frobenius}
}

// testMatrix draws k vectors of random signs, which serve as well as normal
// numbers and cost a bit each, and the standard normal numbers of the probes,
// whose bound needs them: (k+probes) x length.
// Source: Martinsson and Tropp, "Randomized numerical linear algebra:
// Foundations and algorithms" (Acta Numerica 29, 2020), on Rademacher maps.
func testMatrix(key rng.Key, k, length int, j *job) []float32 {
	x := make([]float32, (k+probes)*length)
	signs := x[:k*length]
	j.spans(len(signs), 1<<12, func(from, to int) {
		for i := from; i < to; i += 32 {
			word := key.Word(i / 32)
			for b := range signs[i:min(i+32, to)] {
				signs[i+b] = 1 - 2*float32(word>>b&1)
			}
		}
	})
	normals := x[len(signs):]
	j.spans(len(normals), 1<<10, func(from, to int) {
		for i := from; i < to; i++ {
			normals[i] = float32(key.Normal(len(signs) + i)) // beyond the counters of the signs
		}
	})
	return x
}

// missed bounds the spectral norm of (I - Q Q')A by its products with random
// vectors, which the rows of y hold without the projection: ten times
// sqrt(2/pi) the longest, but for a chance of 10 to the minus probes. The mean
// of their squares estimates the square of the Frobenius norm.
// Source: Halko, Martinsson and Tropp 2011, equation 4.3.
func (s sketched) missed(q []float32, k int, y []float32) (bound, frobenius float64) {
	m := s.rows
	c := make([]float32, probes*k)
	product(false, true, probes, k, m, 1, y, m, q, m, 0, c, k, s.job)
	product(false, false, probes, m, k, -1, c, k, q, m, 1, y, m, s.job)
	longest, total := 0.0, 0.0
	for p := range probes {
		row := convertTo[float64](y[p*m : (p+1)*m])
		square := dot(row, row)
		longest, total = max(longest, square), total+square
	}
	return 10 * math.Sqrt(2/math.Pi*longest), math.Sqrt(total / probes)
}
