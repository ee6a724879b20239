package gemm

import (
	"runtime"
	"sync/atomic"
	"time"

	"github.com/rouxml/roux/tensor/kernel/cpu"
)

// team is how many goroutines share a job of so many multiply-adds: a job too
// small to repay a wake-up stays on one.
func team(workers, macs int) int {
	const least = 1 << 20
	if workers <= 0 {
		workers = cpu.Cores()
	}
	return max(1, min(workers, macs/least))
}

// phase is a number of independent tasks. Which goroutine takes which is left
// to chance, so none may depend on it.
type phase struct {
	tasks int
	run   func(task int)
}

// crew works through phases: a task starts when all tasks of the phases before
// have ended. Goroutines join when the system lets them, in any phase, and the
// caller never waits for one that has not begun.
type crew struct {
	phases     []phase
	total      int
	next, done atomic.Int64
}

// perform runs the phases on the caller's goroutine and up to workers-1 others.
func perform(workers int, phases ...phase) {
	c := &crew{phases: phases}
	for _, p := range phases {
		c.total += p.tasks
	}
	helpers.send(c, min(workers, c.total)-1)
	c.work()
	c.await(c.total)
}

func (c *crew) work() {
	at, start := 0, 0
	for {
		task := int(c.next.Add(1)) - 1
		if task >= c.total {
			return
		}
		for task >= start+c.phases[at].tasks {
			start += c.phases[at].tasks
			at++
		}
		c.await(start)
		c.phases[at].run(task - start)
		c.done.Add(1)
	}
}

// await returns when n tasks have ended. It gives way to other goroutines, and
// after a while to other processes, but first spins: waking a sleeper takes
// longer than most waits.
func (c *crew) await(n int) {
	for spins := 0; int(c.done.Load()) < n; spins++ {
		switch {
		case spins < 500:
			pause(1)
		case spins < 4000:
			runtime.Gosched()
		default:
			time.Sleep(50 * time.Microsecond)
		}
	}
}

// Share runs so many tasks on up to workers goroutines, 0 meaning one for each
// core, and returns when all have ended. Those that helped in a product just
// now help again.
func Share(workers, tasks int, run func(task int)) {
	if workers <= 0 {
		workers = cpu.Cores()
	}
	if min(workers, tasks) > 1 {
		perform(workers, phase{tasks, run})
		return
	}
	for i := range tasks {
		run(i)
	}
}
