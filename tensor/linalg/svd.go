// Package linalg holds the matrix decompositions that ops stand on.
package linalg

import (
	"errors"
	"fmt"

	"gonum.org/v1/gonum/mat"
)

// SVD is the thin singular value decomposition of an m x n matrix: U S Vt with
// r = min(m, n). Signs are fixed: the element of largest magnitude in each
// column of U is positive, the first of equals deciding.
type SVD struct {
	U  *mat.Dense // m x r
	S  []float64  // largest first
	Vt *mat.Dense // r x n
}

// ErrNotFinite refuses matrices with NaN or Inf.
var ErrNotFinite = errors.New("the matrix has NaN or Inf elements: mend the tensor first, or leave it out with where")

// Decompose computes the SVD of a row-major rows x cols matrix in float64.
func Decompose(a []float32, rows, cols int) (*SVD, error) {
	if rows == 0 || cols == 0 {
		return &SVD{U: &mat.Dense{}, Vt: &mat.Dense{}}, nil
	}
	wide := make([]float64, len(a))
	for i, v := range a {
		if v-v != 0 {
			return nil, ErrNotFinite
		}
		wide[i] = float64(v)
	}
	var f mat.SVD
	if !f.Factorize(mat.NewDense(rows, cols, wide), mat.SVDThin) {
		return nil, fmt.Errorf("the SVD of a %d x %d matrix did not converge", rows, cols)
	}
	var u, v mat.Dense
	f.UTo(&u)
	f.VTo(&v)
	out := &SVD{U: &u, S: f.Values(nil), Vt: mat.DenseCopyOf(v.T())}
	out.fixSigns()
	return out, nil
}

func (d *SVD) fixSigns() {
	m, r := d.U.Dims()
	_, n := d.Vt.Dims()
	for k := range r {
		best := 0.0
		for i := range m {
			if v := d.U.At(i, k); v*v > best*best {
				best = v
			}
		}
		if best >= 0 {
			continue
		}
		for i := range m {
			d.U.Set(i, k, -d.U.At(i, k))
		}
		for j := range n {
			d.Vt.Set(k, j, -d.Vt.At(k, j))
		}
	}
}

// Product writes the rank-k approximation U_k S_k Vt_k into dst, row-major.
func (d *SVD) Product(dst []float32, k int) {
	m, _ := d.U.Dims()
	_, n := d.Vt.Dims()
	if k == 0 || m == 0 {
		clear(dst)
		return
	}
	scaled := mat.DenseCopyOf(d.Vt.Slice(0, k, 0, n))
	for i := range k {
		for j := range n {
			scaled.Set(i, j, d.S[i]*scaled.At(i, j))
		}
	}
	var out mat.Dense
	out.Mul(d.U.Slice(0, m, 0, k), scaled)
	for i := range m {
		for j := range n {
			dst[i*n+j] = float32(out.At(i, j))
		}
	}
}

// Energy is the share of the sum of squares in the first k singular values.
func (d *SVD) Energy(k int) float64 {
	var kept, total float64
	for i, s := range d.S {
		total += s * s
		if i < k {
			kept += s * s
		}
	}
	if total == 0 {
		return 1
	}
	return kept / total
}
