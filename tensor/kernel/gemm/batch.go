package gemm

// F32Batch computes count products of one shape, each as F32 would with the
// same bits: the i'th starts strideA*i elements into a, strideB*i into b and
// strideC*i into c. A stride of 0 shares A or B among all; the results must
// not overlap. Attention heads are such a batch.
func F32Batch(transA, transB bool, m, n, k int, alpha float32, a []float32, lda, strideA int, b []float32, ldb, strideB int, beta float32, c []float32, ldc, strideC, count, workers int) {
	batch(workers, count, m*n*k, func(i, workers int) {
		F32(transA, transB, m, n, k, alpha, a[i*strideA:], lda, b[i*strideB:], ldb, beta, c[i*strideC:], ldc, workers)
	})
}

// F64Batch is F32Batch in float64.
func F64Batch(transA, transB bool, m, n, k int, alpha float64, a []float64, lda, strideA int, b []float64, ldb, strideB int, beta float64, c []float64, ldc, strideC, count, workers int) {
	batch(workers, count, m*n*k, func(i, workers int) {
		F64(transA, transB, m, n, k, alpha, a[i*strideA:], lda, b[i*strideB:], ldb, beta, c[i*strideC:], ldc, workers)
	})
}

// batch gives each worker whole products, or every product to all workers when
// there are too few to share out.
func batch(workers, count, macs int, one func(i, workers int)) {
	team := team(workers, macs*count)
	if count < 2*team {
		for i := range count {
			one(i, team)
		}
		return
	}
	perform(team, phase{count, func(i int) { one(i, 1) }})
}
