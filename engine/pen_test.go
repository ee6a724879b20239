package engine

import (
	"errors"
	"fmt"
	"sync"
	"testing"

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
		p, to := newPen(a), &paper{got: map[int64]byte{}, room: room}
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
