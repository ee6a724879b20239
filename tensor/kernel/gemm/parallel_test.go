package gemm

import (
	"sync/atomic"
	"testing"
)

// Each task of a share runs once, by any number of workers, also when tasks share
// work themselves.
func TestShare(t *testing.T) {
	for _, workers := range []int{0, 1, 2, 5} {
		for _, tasks := range []int{0, 1, 2, 100} {
			runs := make([]atomic.Int32, tasks)
			Share(workers, tasks, func(i int) {
				Share(workers, 3, func(int) { runs[i].Add(1) })
			})
			for i := range runs {
				if n := runs[i].Load(); n != 3 {
					t.Errorf("%d workers: task %d of %d ran %d times in place of 3", workers, i, tasks, n)
				}
			}
		}
	}
}

// Fetch takes slices of any length.
func TestFetch(t *testing.T) {
	for _, n := range []int{0, 1, 16, 1000} {
		Fetch(make([]float32, n))
	}
}
