package linalg

import (
	"context"
	"fmt"
	"math"

	"github.com/rouxml/roux/tensor/rng"
)

// LowRank is an approximation U diag(S) Vt of an m x n matrix by rank r, with
// orthonormal columns of U and rows of Vt. Signs are fixed as in SVD.
type LowRank struct {
	// Rank is r: what was asked for, or min(m, n) where that is less.
	Rank int
	// U is m x r.
	U []float32
	// S has r values, largest first.
	S []float64
	// Vt is r x n.
	Vt []float32
	// Missed bounds the spectral norm of what of the matrix lies outside the
	// range found, but for a chance of 1e-10. The error of the approximation is
	// at most Missed plus Next.
	Missed float64
	// Next is the first singular value found and left out, or 0.
	Next float64
	// Frobenius estimates the Frobenius norm of the error of the approximation
	// from ten random vectors: within a few percent for the flat tails of
	// weights, within a factor of two where one direction rules the error.
	Frobenius float64
}

// Sketch tells how to look for a range.
type Sketch struct {
	// Rank is how many singular triplets are wanted, at least one.
	Rank int
	// Oversampling is how many more columns are drawn: 0 means 10.
	Oversampling int
	// PowerSteps is how often A A' sharpens the spectrum; two are enough for
	// the slow decay of weights.
	PowerSteps int
	// Key selects the random signs of the test matrix and the normal draws that
	// probe the error: make it from the seed and the name of the tensor.
	Key rng.Key
}

const (
	oversampling = 10
	// probes is how many columns only estimate the error.
	probes = 10
)

// RandomizedSVD approximates the leading singular triplets of the rows x cols
// matrix a from products with thin matrices: 2*PowerSteps+2 of them with
// Rank+Oversampling columns. Beside a and its result it takes memory for a few
// matrices of max(rows, cols) x (Rank+Oversampling+10).
// Source: Halko, Martinsson and Tropp, "Finding structure with randomness"
// (SIAM Review 53, 2011), algorithms 4.4 and 5.1 and equation 4.3.
func RandomizedSVD(ctx context.Context, a []float32, rows, cols int, s Sketch) (*LowRank, error) {
	j := newJob(ctx)
	if s.Rank < 1 || s.Oversampling < 0 || s.PowerSteps < 0 {
		return nil, fmt.Errorf("a randomized SVD of rank %d with %d more columns and %d power steps: the rank must be at least 1, the others not negative", s.Rank, s.Oversampling, s.PowerSteps)
	}
	if err := checkMatrix(a, rows, cols, j); err != nil {
		return nil, err
	}
	rank := min(s.Rank, rows, cols)
	if rank == 0 {
		return &LowRank{}, nil
	}
	x := sketched{a, rows, cols, j}
	r := x.findRange(s)
	if err := j.cancelled(); err != nil {
		return nil, err
	}
	out, err := x.project(ctx, r, rank)
	if err != nil {
		return nil, fmt.Errorf("the small factor of a %d x %d matrix: %w", rows, cols, err)
	}
	return out, j.cancelled()
}

// FindRange returns the orthonormal columns Q, rows x l, that span most of what
// a maps to, with l = min(Rank+Oversampling, rows, cols), and the bound of the
// spectral norm of A - Q Q'A that LowRank calls Missed.
// Source: as RandomizedSVD.
func FindRange(ctx context.Context, a []float32, rows, cols int, s Sketch) (q []float32, missed float64, err error) {
	j := newJob(ctx)
	if err := checkMatrix(a, rows, cols, j); err != nil {
		return nil, 0, err
	}
	if s.Rank < 1 || s.Oversampling < 0 || s.PowerSteps < 0 {
		return nil, 0, fmt.Errorf("a range of %d and %d columns with %d power steps: the rank must be at least 1, the others not negative", s.Rank, s.Oversampling, s.PowerSteps)
	}
	r := sketched{a, rows, cols, j}.findRange(s)
	q = make([]float32, len(r.q))
	transpose(q, r.k, r.q, rows, r.k, rows)
	return q, r.missed, j.cancelled()
}

// project decomposes B = Q'A through the small factor of its rows: with B = L P
// and L = W S Z' it is A = (Q W) S (Z'P).
func (s sketched) project(ctx context.Context, r subspace, rank int) (*LowRank, error) {
	p := make([]float32, r.k*s.cols)
	s.back(r.q, r.k, p)
	l := orthonormalise(p, r.k, s.cols, s.job)
	d, err := smallSVD(ctx, l, r.k, r.k)
	if err != nil {
		return nil, err
	}
	out := &LowRank{
		Rank: rank, S: d.S[:rank:rank], Missed: r.missed, Frobenius: r.frobenius,
		U: make([]float32, s.rows*rank), Vt: make([]float32, rank*s.cols),
	}
	w, z := convertTo[float32](d.U.Data), convertTo[float32](d.Vt.Data)
	product(true, false, s.rows, rank, r.k, 1, r.q, s.rows, w, r.k, 0, out.U, rank, s.job)
	product(false, false, rank, s.cols, r.k, 1, z, r.k, p, s.cols, 0, out.Vt, s.cols, s.job)
	for i, v := range d.S[rank:] {
		if i == 0 {
			out.Next = v
		}
		out.Frobenius = math.Hypot(out.Frobenius, v)
	}
	out.fixSigns(s.rows, s.cols)
	return out, nil
}

// fixSigns makes the element of largest magnitude in each column of U positive.
func (r *LowRank) fixSigns(rows, cols int) {
	best := make([]float32, r.Rank)
	for i := range rows {
		for k, v := range r.U[i*r.Rank : (i+1)*r.Rank] {
			if max(v, -v) > max(best[k], -best[k]) {
				best[k] = v
			}
		}
	}
	for i := range rows {
		for k := range r.Rank {
			if best[k] < 0 {
				r.U[i*r.Rank+k] = -r.U[i*r.Rank+k]
			}
		}
	}
	for k, v := range best {
		if v < 0 {
			negate(r.Vt[k*cols : (k+1)*cols])
		}
	}
}
