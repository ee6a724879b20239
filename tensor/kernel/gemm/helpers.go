package gemm

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// linger is how long a helper looks out for its next job before it ends. A
// system takes up to milliseconds to place a woken thread on an idle core,
// longer than many a product; and products come in rows.
const linger = 2 * time.Millisecond

// alert is how long it does not even let others have the core, which might give
// it back only after milliseconds: longer than what lies between the products
// of one token.
const alert = 50 * time.Microsecond

// helpers are the goroutines that wait for the next job. They hold no results.
var helpers standby

// standby is a list of goroutines that spin, each at its own seat.
type standby struct {
	mu   sync.Mutex
	idle []*seat
}

type seat struct{ job atomic.Pointer[crew] }

// send lets n goroutines work in c: those that wait, then new ones.
func (s *standby) send(c *crew, n int) {
	if n <= 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for ; n > 0 && len(s.idle) > 0; n-- {
		last := len(s.idle) - 1
		s.idle[last].job.Store(c)
		s.idle = s.idle[:last]
	}
	for range n {
		go s.help(c)
	}
}

// help works in c and then in whatever jobs come soon.
func (s *standby) help(c *crew) {
	own := new(seat)
	for c != nil {
		c.work()
		c = s.wait(own)
	}
}

// wait returns the next job, or nil when none came.
func (s *standby) wait(own *seat) *crew {
	own.job.Store(nil)
	s.mu.Lock()
	s.idle = append(s.idle, own)
	s.mu.Unlock()
	for start := time.Now(); ; {
		for range 16 {
			if c := own.job.Load(); c != nil {
				return c
			}
			pause(1)
		}
		if waited := time.Since(start); waited > linger {
			break
		} else if waited > alert {
			runtime.Gosched()
			yield()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if at := slices.Index(s.idle, own); at >= 0 {
		s.idle = slices.Delete(s.idle, at, at+1)
	}
	return own.job.Load()
}
