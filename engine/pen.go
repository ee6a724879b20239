package engine

import (
	"context"
	"io"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/semaphore"

	"github.com/rouxml/roux/tensor/arena"
)

// pen writes what the workers hand over, while they compute on.
type pen struct {
	arena  *arena.Arena
	ink    *semaphore.Weighted
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

// Two sheets at once keep a disk busy; some more may wait. What all pens of a
// run hold is set aside of its budget.
const (
	pens       = 2
	mostSheets = 4
	penBytes   = (pens + mostSheets) * writeBytes
)

// newPen returns a pen that must be waited for. It shares ink, of penBytes, with
// the other pens of its run.
func newPen(a *arena.Arena, ink *semaphore.Weighted) *pen {
	p := &pen{arena: a, ink: ink, sheets: make(chan sheet, mostSheets)}
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
		p.ink.Release(s.ink())
	}
}

func (p *pen) failed() error {
	if err := p.err.Load(); err != nil {
		return *err
	}
	return nil
}

// ink is what a sheet takes: a single row may be longer than all ink, and then
// takes all.
func (s sheet) ink() int64 { return min(int64(len(s.raw)), penBytes) }

// write takes a sheet over. The error may be that of an earlier one.
func (p *pen) write(s sheet) error {
	_ = p.ink.Acquire(context.Background(), s.ink()) // what has it needs nothing to go on
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
