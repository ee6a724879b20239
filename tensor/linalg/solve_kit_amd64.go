package linalg

import "github.com/rouxml/roux/tensor/kernel/cpu"

// forward solves L X = B in place for the lanes right sides in x, n x lanes;
// l is n x n, lower triangular.
func forward(n int, l, x []float64) {
	_, _ = l[n*n-1], x[n*lanes-1]
	switch cpu.Active() {
	case cpu.AVX512:
		forwardAVX512(n, &l[0], &x[0])
	case cpu.AVX2:
		forwardAVX2(n, &l[0], &x[0])
	default:
		forwardGo(n, l, x)
	}
}
