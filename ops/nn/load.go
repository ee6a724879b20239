package nn

import (
	"context"
	"sync"
)

// resident keeps blocks that were read, and the head.
type resident struct {
	mu   sync.Mutex
	all  []*block
	head *matrix
}

func (k *resident) get(m *Model, i int) (*block, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.all[i] == nil {
		r := m.blockReader()
		r.reset()
		b, err := m.loadBlock(r, i)
		if err != nil {
			return nil, err
		}
		k.all[i] = b
	}
	return k.all[i], nil
}

// loader reads blocks in order, one ahead of the one in use, into two memories
// in turn.
type loader struct {
	m      *Model
	at     int
	blocks chan loaded
	free   chan *reader
	held   *reader
	ctx    context.Context
	cancel context.CancelFunc
	done   sync.WaitGroup
}

type loaded struct {
	b   *block
	r   *reader
	err error
}

func (m *Model) loader(ctx context.Context) *loader {
	ctx, cancel := context.WithCancel(ctx)
	l := &loader{m: m, blocks: make(chan loaded), free: make(chan *reader, 2), ctx: ctx, cancel: cancel}
	if m.blocks != nil {
		return l
	}
	for range 2 {
		l.free <- m.blockReader()
	}
	l.done.Go(l.ahead)
	return l
}

// blockReader returns a reader that has room for any block once it is reset.
func (m *Model) blockReader() *reader {
	return &reader{source: m.source, used: map[string]bool{}, taken: int(m.blockBytes)}
}

func (l *loader) ahead() {
	for i := range l.m.arch.Layers {
		var r *reader
		select {
		case r = <-l.free:
		case <-l.ctx.Done():
			return
		}
		r.reset()
		b, err := l.m.loadBlock(r, i)
		select {
		case l.blocks <- loaded{b, r, err}:
		case <-l.ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// next returns the next block; the one before must not be used any more.
func (l *loader) next() (*block, error) {
	l.at++
	if l.m.blocks != nil {
		return l.m.blocks.get(l.m, l.at-1)
	}
	if l.held != nil {
		l.free <- l.held
	}
	select {
	case got := <-l.blocks:
		l.held = got.r
		return got.b, got.err
	case <-l.ctx.Done():
		return nil, l.ctx.Err()
	}
}

// stop ends the reading.
func (l *loader) stop() {
	l.cancel()
	l.done.Wait()
}
