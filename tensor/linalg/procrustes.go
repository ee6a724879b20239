package linalg

import (
	"context"
	"math"
)

// Procrustes returns the orthogonal cols x cols matrix Q that brings A Q closest
// to B in the Frobenius norm, A and B being rows x cols, and the scale for which
// scale * A Q comes closest. The scale is 0 when A is. Q is not unique when A'B
// is singular.
// Source: Schönemann, "A generalized solution of the orthogonal Procrustes
// problem" (Psychometrika 31, 1966).
func Procrustes[T float](ctx context.Context, a, b []T, rows, cols int) (q []T, scale float64, err error) {
	j := newJob(ctx)
	if err := checkMatrix(a, rows, cols, j); err != nil {
		return nil, 0, err
	}
	if err := checkMatrix(b, rows, cols, j); err != nil {
		return nil, 0, err
	}
	m := make([]T, cols*cols)
	product(true, false, cols, cols, rows, 1, a, cols, b, cols, 0, m, cols, j)
	d, err := smallSVD(ctx, convertTo[float64](m), cols, cols)
	if err != nil {
		return nil, 0, err
	}
	wide := make([]float64, cols*cols)
	product(false, false, cols, cols, cols, 1, d.U.Data, cols, d.Vt.Data, cols, 0, wide, cols, j)
	if size := sumSquares(a); size > 0 {
		for _, s := range d.S {
			scale += s / size
		}
	}
	return convertTo[T](wide), scale, j.cancelled()
}

func sumSquares[T float](a []T) float64 {
	norm := 0.0
	for len(a) > 0 {
		span := a[:min(len(a), 1<<12)]
		norm = math.Hypot(norm, euclid(convertTo[float64](span)))
		a = a[len(span):]
	}
	return norm * norm
}
