package torch

import (
	"os"
	"slices"
	"sync"

	"github.com/rouxml/roux/loaders"
	"github.com/rouxml/roux/tensor"
)

const (
	// tileBytes is about how much of a strided tensor is gathered at once.
	tileBytes = 2 << 20
	// tilesKept is how many of them a model holds: for the tensors that are read
	// side by side.
	tilesKept = 4
)

// tiles are the parts of strided tensors that a model's files gathered last. Blocks of a
// few rows of a transposed matrix lie all over it in as many pieces as it has
// columns; it is therefore gathered some hundred rows at once, which the next
// blocks then find. A model holds at most tilesKept of them, whatever its shards.
type tiles struct {
	mu     sync.Mutex
	closed bool
	list   []*tile // the last used first
}

type tile struct {
	of    *stored
	first int64

	once sync.Once
	data []byte
	err  error
}

// get returns the tile that begins at an offset of a tensor.
func (ts *tiles) get(t *stored, first, size int64) ([]byte, error) {
	ts.mu.Lock()
	if ts.closed {
		ts.mu.Unlock()
		return nil, os.ErrClosed
	}
	i := slices.IndexFunc(ts.list, func(x *tile) bool { return x.of == t && x.first == first })
	found := &tile{of: t, first: first}
	if i >= 0 {
		found = ts.list[i]
		ts.list = slices.Delete(ts.list, i, i+1)
	}
	ts.list = slices.Insert(ts.list, 0, found)
	ts.list = ts.list[:min(len(ts.list), tilesKept)]
	ts.mu.Unlock()
	found.once.Do(func() {
		found.data = make([]byte, size)
		found.err = t.gather(found.data, first)
	})
	return found.data, found.err
}

// close lets go of all tiles; there are none afterwards.
func (ts *tiles) close() {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.closed, ts.list = true, nil
}

// Keeps is how many bytes a source of this package holds beside what is asked
// for: those of its tiles, if any of its tensors is strided.
func Keeps(src tensor.Source) int64 {
	for _, info := range src.Infos() {
		t, _ := src.Tensor(info.Name)
		if s, ok := t.(*stored); ok && !s.view.contiguous() {
			return tilesKept * tileBytes
		}
	}
	return 0
}

// Close releases the file, and the tiles of the whole model with it.
func (f *File) Close() error {
	f.tiles.close()
	return f.Late.Close()
}

// ReadAt reads bytes of the tensor. Elements that do not lie one behind the
// other are gathered, with memory of a fixed size beside p.
func (t *stored) ReadAt(p []byte, off int64) (int, error) {
	if t.view.contiguous() {
		return t.Stored.ReadAt(p, off)
	}
	return loaders.ReadRange(t.Header, p, off, t.fill)
}

// fill reads in order by tiles; what jumps about, such as a sample of rows, is
// gathered as it is.
func (t *stored) fill(p []byte, off int64) error {
	if last := t.last.Swap(off + int64(len(p))); off < last-4*t.tile || off > last+4*t.tile || int64(len(p)) >= t.tile {
		return t.gather(p, off)
	}
	for len(p) > 0 {
		first := off / t.tile * t.tile
		data, err := t.tiles.get(t, first, min(t.tile, t.Header.Bytes()-first))
		if err != nil {
			return err
		}
		n := copy(p, data[off-first:])
		p, off = p[n:], off+int64(n)
	}
	return nil
}
