package linalg

import "github.com/rouxml/roux/tensor/kernel/gemm"

// float is what matrices here are made of.
type float interface{ float32 | float64 }

// product is gemm.F32 or gemm.F64 with the job's workers, in pieces of rows
// that each take well under a second. It leaves off when the job is cancelled:
// who started the job asks it at the end whether its result counts.
func product[T float](transA, transB bool, m, n, k int, alpha T, a []T, lda int, b []T, ldb int, beta T, c []T, ldc int, j *job) {
	const macs = 1 << 34
	rows := max(64, macs/(max(n, 1)*max(k, 1)))
	for i := 0; i < m && j.cancelled() == nil; i += rows {
		at := i * lda
		if transA {
			at = i
		}
		if k == 0 {
			at = 0
		}
		piece(transA, transB, min(rows, m-i), n, k, alpha, a[at:], lda, b, ldb, beta, c[i*ldc:], ldc, j.workers)
	}
}

func piece[T float](transA, transB bool, m, n, k int, alpha T, a []T, lda int, b []T, ldb int, beta T, c []T, ldc, workers int) {
	switch c := any(c).(type) {
	case []float32:
		gemm.F32(transA, transB, m, n, k, float32(alpha), any(a).([]float32), lda, any(b).([]float32), ldb, float32(beta), c, ldc, workers)
	case []float64:
		gemm.F64(transA, transB, m, n, k, float64(alpha), any(a).([]float64), lda, any(b).([]float64), ldb, float64(beta), c, ldc, workers)
	}
}
