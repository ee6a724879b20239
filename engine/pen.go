package engine

import (
	"io"
	"sync"
	"sync/atomic"

	"github.com/rouxml/roux/tensor/arena"
)

// pen writes what the workers hand over, while they compute on.
type pen struct {
	arena  *arena.Arena
	sheets chan sheet
	hands  sync.WaitGroup
	err    atomic.Pointer[error] // the first
}

// sheet is bytes and where they go.
type sheet struct {
	to   io.WriterAt
	at   int64
	raw  []byte            // of the arena, which gets it back
	fail func(error) error // says whose bytes could not be written
}

// Two sheets at once keep a disk busy; some more may wait.
const (
	pens       = 2
	mostSheets = 4
)

// newPen returns a pen that must be waited for.
func newPen(a *arena.Arena) *pen {
	p := &pen{arena: a, sheets: make(chan sheet, mostSheets)}
	for range pens {
		p.hands.Go(p.work)
	}
	return p
}

func (p *pen) work() {
	for s := range p.sheets {
		if p.failed() == nil {
			if _, err := s.to.WriteAt(s.raw, s.at); err != nil {
				err = s.fail(err)
				p.err.CompareAndSwap(nil, &err)
			}
		}
		arena.Put(p.arena, s.raw)
	}
}

func (p *pen) failed() error {
	if err := p.err.Load(); err != nil {
		return *err
	}
	return nil
}

// write takes a sheet over. The error may be that of an earlier one.
func (p *pen) write(s sheet) error {
	p.sheets <- s
	return p.failed()
}

// wait returns when all sheets are written, or one was not. Nothing may be
// written at the same time or later.
func (p *pen) wait() error {
	close(p.sheets)
	p.hands.Wait()
	return p.failed()
}
