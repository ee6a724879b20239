package gemm

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// team is how many goroutines share a job of the given multiply-adds in at
// most parts parts: a job too small to repay a wake-up stays on one.
func team(workers, flops, parts int) int {
	const least = 1 << 20
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	return max(1, min(workers, parts, flops/least))
}

// each calls f for every task below n, on several goroutines, the caller's
// among them. Tasks must be independent: which goroutine takes which is left
// to chance.
func each(workers, n int, f func(task int)) {
	workers = min(workers, n)
	var next atomic.Int64
	work := func() {
		for {
			task := int(next.Add(1)) - 1
			if task >= n {
				return
			}
			f(task)
		}
	}
	var wg sync.WaitGroup
	for range workers - 1 {
		wg.Go(work)
	}
	work()
	wg.Wait()
}
