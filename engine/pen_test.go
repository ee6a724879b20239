package engine

import (
	"cmp"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/rouxml/roux/tensor/arena"
)

// paper takes bytes until it is full.
type paper struct {
	mu   sync.Mutex
	got  map[int64]byte
	room int
}

var errFull = errors.New("full")

func (p *paper) WriteAt(b []byte, off int64) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.room -= len(b); p.room < 0 {
		return 0, errFull
	}
	for i, v := range b {
		p.got[off+int64(i)] = v
	}
	return len(b), nil
}

// TestPen: all that is handed over is written and given back; after an error
// nothing else is, and whoever waits hears of the first.
func TestPen(t *testing.T) {
	for _, room := range []int{1 << 20, 100_000, 0} {
		a := arena.New(arena.Options{Checked: true})
		p, to := newPen(a, semaphore.NewWeighted(penBytes)), &paper{got: map[int64]byte{}, room: room}
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				raw := arena.Get[byte](a, 10_000)
				for k := range raw {
					raw[k] = byte(i)
				}
				err := p.write(sheet{to: to, at: int64(i) * 10_000, raw: raw, fail: func(err error) error { return fmt.Errorf("sheet: %w", err) }})
				if err != nil && !errors.Is(err, errFull) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		err := p.wait()
		if full := room < 500_000; full != errors.Is(err, errFull) || full != (err != nil && err.Error() == "sheet: full") {
			t.Errorf("room for %d: %v", room, err)
		}
		if err == nil && len(to.got) != 500_000 {
			t.Errorf("%d bytes were written", len(to.got))
		}
		for at, v := range to.got {
			if v != byte(at/10_000) {
				t.Fatalf("byte %d is %d", at, v)
			}
		}
		if a.Used() != 0 {
			t.Errorf("%d bytes were not given back", a.Used())
		}
		a.Close()
	}
}

// stuck is where nothing can be written until it is let go.
type stuck chan struct{}

func (s stuck) WriteAt(b []byte, _ int64) (int, error) { <-s; return len(b), nil }

// TestPenBudget: pens of one run hold together no more than what is set aside
// for them, and the run gives the rest alone to its work.
func TestPenBudget(t *testing.T) {
	r := newRun(Options{Memory: leastMemory, Workers: 1})
	defer r.close()
	if r.opt.Memory != leastMemory-penBytes {
		t.Errorf("work may take %d of %d bytes", r.opt.Memory, leastMemory)
	}
	to := make(stuck)
	var held atomic.Int64
	var wg sync.WaitGroup
	one, other := newPen(r.arena, r.ink), newPen(r.arena, r.ink)
	for i := range 40 {
		wg.Go(func() {
			p := []*pen{one, other}[i%2]
			if err := p.write(sheet{to: to, raw: arena.Get[byte](r.arena, writeBytes)}); err != nil {
				t.Error(err)
			}
			held.Add(1)
		})
	}
	for held.Load() < pens+mostSheets {
		runtime.Gosched()
	}
	time.Sleep(10 * time.Millisecond)
	if n := held.Load(); n > pens+mostSheets {
		t.Errorf("%d sheets of %d bytes are held", n, writeBytes)
	}
	close(to)
	wg.Wait()
	if err := cmp.Or(one.wait(), other.wait()); err != nil {
		t.Error(err)
	}
}

// TestSetAside: what a model keeps is out of the budget, and what leaves too
// little is refused with what would do.
func TestSetAside(t *testing.T) {
	r := newRun(Options{Memory: leastMemory + 20_000_000, Workers: 1})
	defer r.close()
	if err := r.setAside(8_000_000); err != nil || r.opt.Memory != leastMemory+12_000_000-penBytes {
		t.Errorf("%d bytes are left: %v", r.opt.Memory, err)
	}
	if r.budget.TryAcquire(leastMemory + 12_000_001 - penBytes) {
		t.Error("more is given out than is left")
	}
	if err := r.setAside(25_000_000); err == nil || !strings.Contains(err.Error(), "give --memory 87 MB or more") {
		t.Error(err)
	}
}
