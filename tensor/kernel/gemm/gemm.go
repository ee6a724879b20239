// Package gemm multiplies matrices. All matrices are row-major with a leading
// dimension (the distance between rows, in elements). Every element of a
// result is summed over k in one fixed order, so that neither the worker count
// nor the place of a matrix in memory changes a bit.
package gemm

// F32 computes C = alpha*op(A)*op(B) + beta*C in float32, where op transposes
// when its flag is set: op(A) is m x k, op(B) k x n, C m x n. With beta 0, C is
// not read and may hold anything. Workers bounds the goroutines; 0 means one
// for each core. It panics when a slice is too short for its dimensions.
func F32(transA, transB bool, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc, workers int) {
	naive(transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
}

// F64 is F32 in float64.
func F64(transA, transB bool, m, n, k int, alpha float64, a []float64, lda int, b []float64, ldb int, beta float64, c []float64, ldc, workers int) {
	naive(transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
}

// naive is the scalar twin.
func naive[T float32 | float64](transA, transB bool, m, n, k int, alpha T, a []T, lda int, b []T, ldb int, beta T, c []T, ldc int) {
	at := func(x []T, ld int, trans bool, i, j int) T {
		if trans {
			i, j = j, i
		}
		return x[i*ld+j]
	}
	for i := range m {
		for j := range n {
			var s T
			for p := range k {
				s += at(a, lda, transA, i, p) * at(b, ldb, transB, p, j)
			}
			if beta == 0 {
				c[i*ldc+j] = alpha * s
			} else {
				c[i*ldc+j] = alpha*s + beta*c[i*ldc+j]
			}
		}
	}
}
