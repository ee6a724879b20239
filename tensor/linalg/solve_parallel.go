package linalg

import (
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/rouxml/roux/tensor/kernel/gemm"
)

// float is what matrices here are made of.
type float interface{ float32 | float64 }

// share runs f(0) to f(tasks-1) in any order on at most workers goroutines,
// the caller's among them; 0 workers means one for each core.
func share(workers, tasks int, f func(task int)) {
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	var next atomic.Int64
	run := func() {
		for i := next.Add(1) - 1; i < int64(tasks); i = next.Add(1) - 1 {
			f(int(i))
		}
	}
	var wait sync.WaitGroup
	for range min(workers, tasks) - 1 {
		wait.Go(run)
	}
	run()
	wait.Wait()
}

// product is gemm.F32 or gemm.F64.
func product[T float](transA, transB bool, m, n, k int, alpha T, a []T, lda int, b []T, ldb int, beta T, c []T, ldc, workers int) {
	switch c := any(c).(type) {
	case []float32:
		gemm.F32(transA, transB, m, n, k, float32(alpha), any(a).([]float32), lda, any(b).([]float32), ldb, float32(beta), c, ldc, workers)
	case []float64:
		gemm.F64(transA, transB, m, n, k, float64(alpha), any(a).([]float64), lda, any(b).([]float64), ldb, float64(beta), c, ldc, workers)
	}
}
