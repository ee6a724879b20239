package linalg

import "context"

// Eigen is the decomposition A = V' diag(Values) V of a symmetric n x n matrix
// into orthonormal eigenvectors, the rows of Vectors. Signs are fixed: the
// element of largest magnitude in each eigenvector is positive, the first of
// equals deciding.
type Eigen struct {
	Values  []float64 // n, smallest first
	Vectors Matrix    // n x n; row k belongs to Values[k]
}

// Symmetric decomposes the symmetric n x n row-major matrix a, of which it reads
// the upper triangle, in float64. It takes memory for four such matrices beside
// a. It ends with the context's cause within about a second of its being
// cancelled.
// Source: LAPACK's dsyevd in outline; see tridiagonalise and tridiagonalVectors.
func Symmetric[T float32 | float64](ctx context.Context, a []T, n int) (*Eigen, error) {
	m, factor, err := widened(a, n, n)
	if err != nil {
		return nil, err
	}
	out := &Eigen{Values: []float64{}, Vectors: m}
	if n == 0 {
		return out, nil
	}
	j := newJob(ctx)
	t, err := j.tridiagonalise(m.Data, n)
	if err != nil {
		return nil, err
	}
	q, order, err := j.tridiagonalVectors(t.d, t.e)
	if err != nil {
		return nil, err
	}
	if err := t.back(j, q); err != nil {
		return nil, err
	}
	for k, row := range order {
		out.Values = append(out.Values, t.d[row])
		copy(out.Vectors.Row(k), q[row*n:(row+1)*n])
		if signOf(out.Vectors.Row(k)) < 0 {
			scale(out.Vectors.Row(k), -1)
		}
	}
	return out, rescale(out.Values, factor)
}

// SymmetricValues is the Values of Symmetric alone, in a fraction of its time.
func SymmetricValues[T float32 | float64](ctx context.Context, a []T, n int) ([]float64, error) {
	m, factor, err := widened(a, n, n)
	if err != nil || n == 0 {
		return []float64{}, err
	}
	t, err := newJob(ctx).tridiagonalise(m.Data, n)
	if err != nil {
		return nil, err
	}
	norm := max(largest(t.d), largest(t.e))
	if norm > 0 {
		scale(t.d, 1/norm)
		scale(t.e, 1/norm)
		if err := converged(tridiagonalQL(t.d, t.e, nil, 0)); err != nil {
			return nil, err
		}
	}
	out := make([]float64, 0, n)
	for _, row := range sorted(t.d) {
		out = append(out, t.d[row]*norm)
	}
	return out, rescale(out, factor)
}
