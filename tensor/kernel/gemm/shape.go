package gemm

import "fmt"

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
