package gemm

import "fmt"

// naive is the scalar twin.
func naive[T float](transA, transB bool, m, n, k int, alpha T, a []T, lda int, b []T, ldb int, beta T, c []T, ldc int) {
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

// checkShape panics when rows x cols elements, ld apart, do not fit in length
// elements; trans swaps rows and cols.
func checkShape(name string, length, rows, cols, ld int, trans bool) {
	if trans {
		rows, cols = cols, rows
	}
	if rows < 0 || cols < 0 || ld < cols {
		panic(fmt.Sprintf("gemm: %s is %d x %d with leading dimension %d", name, rows, cols, ld))
	}
	if rows > 0 && cols > 0 && length < (rows-1)*ld+cols {
		panic(fmt.Sprintf("gemm: %s has %d elements, too few for %d x %d with leading dimension %d", name, length, rows, cols, ld))
	}
}
