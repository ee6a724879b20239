// Package gemm multiplies matrices. All matrices are row-major with a leading
// dimension (the distance between rows, in elements). Every element of a
// result is summed over k in one fixed order, so that neither the worker count
// nor the place of a matrix in memory changes a bit: within a block of K one
// chain of fused multiply-adds, then alpha times the sum of each block added
// to C in turn. The AVX2 and AVX-512 paths share that order and give the same
// bits.
//
// The method is that of Goto and van de Geijn, "Anatomy of High-Performance
// Matrix Multiplication" (ACM TOMS 34, 2008), in the loop order of BLIS (Van
// Zee and van de Geijn, ACM TOMS 41, 2015): pack both operands into panels as
// narrow as a tile of C, and keep each tile in registers while k goes by.
//
// Packing buffers, up to 256 MB of them, are kept for the next call, and
// goroutines that helped in one look out for the next during two milliseconds.
package gemm

// F32 computes C = alpha*op(A)*op(B) + beta*C in float32, where op transposes
// when its flag is set: op(A) is m x k, op(B) k x n, C m x n. With beta 0, C is
// not read and may hold anything; with alpha 0, A and B are not read. Workers
// bounds the goroutines; 0 means one for each core. It panics when a slice is
// too short for its dimensions.
func F32(transA, transB bool, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc, workers int) {
	if l := fullRow(); !transA && transB && alpha != 0 && k > 0 && l.suits(m, n, k, beta) {
		checkShape("A", len(a), m, k, lda, transA)
		checkShape("B", len(b), k, n, ldb, transB)
		checkShape("C", len(c), m, n, ldc, false)
		r := l.rowOf(n, k, alpha, a, bytesOf(b), 4*ldb, beta, c)
		r.rest = func(j int) {
			F32(transA, transB, m, n-j, k, alpha, a, lda, b[j*ldb:], ldb, beta, c[j:], ldc, workers)
		}
		r.run(workers)
		return
	}
	multiply(f32Kit(), transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc, workers)
}

// F64 is F32 in float64.
func F64(transA, transB bool, m, n, k int, alpha float64, a []float64, lda int, b []float64, ldb int, beta float64, c []float64, ldc, workers int) {
	multiply(f64Kit(), transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc, workers)
}

func multiply[T float](kit *kit[T], transA, transB bool, m, n, k int, alpha T, a []T, lda int, b []T, ldb int, beta T, c []T, ldc, workers int) {
	checkShape("A", len(a), m, k, lda, transA)
	checkShape("B", len(b), k, n, ldb, transB)
	checkShape("C", len(c), m, n, ldc, false)
	if m == 0 || n == 0 {
		return
	}
	if alpha == 0 || k == 0 {
		scale(m, n, beta, c, ldc)
		return
	}
	kit = kit.fit(m)
	if k <= kit.kc && roundUp(m, kit.mr)*k <= smallPanels && roundUp(n, kit.nr)*k <= smallPanels {
		small(kit, transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
		return
	}
	p := product[T]{
		kit: kit, m: m, n: n, k: k,
		a: kit.operand(a, lda, !transA), b: kit.operand(b, ldb, transB),
		out: kit.into(c, ldc, alpha, beta),
	}
	p.run(workers)
}

// scale computes C = beta*C.
func scale[T float](m, n int, beta T, c []T, ldc int) {
	for i := range m {
		row := c[i*ldc : i*ldc+n]
		if beta == 0 {
			clear(row)
			continue
		}
		for j := range row {
			row[j] *= beta
		}
	}
}
