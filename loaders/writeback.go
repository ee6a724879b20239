package loaders

import (
	"os"
	"sync/atomic"
)

// writeback has the system write a file's dirty pages to the disk while more of
// it is computed, so that the sync at its end waits for little. Asking may block
// for as long as the disk is busy: it has a goroutine of its own. One that was
// not started does nothing.
type writeback struct {
	dirty atomic.Int64 // bytes since it was last asked for
	ask   chan struct{}
	done  chan struct{}
}

// dirtyEnough is after how many bytes writeback is asked for: early enough that
// the disk works while tensors are computed, seldom enough to cost nothing.
const dirtyEnough = 8 << 20

func (w *writeback) start(f *os.File) {
	w.ask, w.done = make(chan struct{}, 1), make(chan struct{})
	go func() {
		defer close(w.done)
		for range w.ask {
			startWriteback(f)
		}
	}()
}

// wrote counts bytes that were written.
func (w *writeback) wrote(n int) {
	if w.ask == nil || w.dirty.Add(int64(n)) < dirtyEnough {
		return
	}
	select {
	case w.ask <- struct{}{}:
		w.dirty.Store(0)
	default: // it is at it
	}
}

// stop returns when the file is left alone. Nothing may be written after it.
func (w *writeback) stop() {
	if w.ask != nil {
		close(w.ask)
		<-w.done
		w.ask = nil
	}
}
