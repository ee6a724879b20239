package nn

import (
	"sync"
	"sync/atomic"

	"github.com/rouxml/roux/tensor/kernel/cpu"
)

// split cuts 0..n into pieces of about each and lets workers take them. What a
// piece computes must not depend on the cut.
func split(workers, n, each int, run func(from, to int)) {
	each = max(each, 1)
	tasks := (n + each - 1) / each
	spread(workers, tasks, func(i int) { run(i*each, min((i+1)*each, n)) })
}

// spread runs so many tasks on up to workers goroutines.
func spread(workers, tasks int, run func(i int)) {
	if workers <= 0 {
		workers = cpu.Cores()
	}
	workers = min(workers, tasks)
	if workers <= 1 {
		for i := range tasks {
			run(i)
		}
		return
	}
	var next atomic.Int64
	work := func() {
		for i := int(next.Add(1)) - 1; i < tasks; i = int(next.Add(1)) - 1 {
			run(i)
		}
	}
	var wait sync.WaitGroup
	for range workers - 1 {
		wait.Go(work)
	}
	work()
	wait.Wait()
}

// rowsEach is how many rows make a piece that is worth handing over.
func rowsEach(cols int) int { return max(1, 1<<15/max(cols, 1)) }
