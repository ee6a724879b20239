//go:build !amd64

package linalg

// forward solves L X = B in place for the lanes right sides in x, n x lanes;
// l is n x n, lower triangular.
func forward(n int, l, x []float64) { forwardGo(n, l, x) }
