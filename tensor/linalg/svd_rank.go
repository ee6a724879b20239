package linalg

import (
	"context"
	"fmt"
)

// Product writes the rank-k approximation U_k S_k Vt_k into dst,
// row-major; a k beyond the number of singular values takes them all.
func (d *SVD) Product(ctx context.Context, dst []float32, k int) error {
	const rows = 256
	m, n, r := d.U.Rows, d.Vt.Cols, len(d.S)
	k = min(k, r)
	j := newJob(ctx)
	scaled, out := make([]float64, rows*k), make([]float64, rows*n)
	for from := 0; from < m; from += rows {
		count := min(rows, m-from)
		for i := range count {
			for c, v := range d.U.Data[(from+i)*r:][:k] {
				scaled[i*k+c] = v * d.S[c]
			}
		}
		if err := j.multiply(false, false, count, n, k, 1, scaled, k, d.Vt.Data, n, 0, out, n); err != nil {
			return err
		}
		for i, v := range out[:count*n] {
			dst[from*n+i] = float32(v)
		}
	}
	return nil
}

// Energy is the share of the sum of squares in the first k singular values.
func (d *SVD) Energy(k int) float64 { return Energy(d.S, k) }

// Energy is the share of the sum of squares in the first k of the values s.
func Energy(s []float64, k int) float64 {
	if len(s) == 0 || s[0] == 0 {
		return 1
	}
	var kept, total float64
	for i, v := range s {
		v /= s[0]
		total += v * v
		if i < k {
			kept += v * v
		}
	}
	return kept / total
}

// Cluster is a run of singular values, First to Last, each nearer to the next
// than a tolerance, through which a cut at rank K goes: the vectors on either
// side of the cut are then not determined by the matrix, only their common span
// is.
type Cluster struct{ K, First, Last int }

// String says it as a warning.
func (c Cluster) String() string {
	return fmt.Sprintf("rank %d cuts through singular values %d to %d, which are nearly equal: which of their vectors stay is arbitrary; rank %d or %d would not",
		c.K, c.First+1, c.Last+1, c.First, c.Last+1)
}

// Cluster looks at the gap after the first k singular values and reports the
// cluster that it falls into, if neighbours nearer than tol times the largest
// value belong together.
func (d *SVD) Cluster(k int, tol float64) (c Cluster, cut bool) {
	if k <= 0 || k >= len(d.S) {
		return c, false
	}
	near := func(i int) bool { return d.S[i-1]-d.S[i] <= tol*d.S[0] }
	if !near(k) {
		return c, false
	}
	c = Cluster{K: k, First: k - 1, Last: k}
	for c.First > 0 && near(c.First) {
		c.First--
	}
	for c.Last+1 < len(d.S) && near(c.Last+1) {
		c.Last++
	}
	return c, true
}
