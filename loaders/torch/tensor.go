package torch

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/rouxml/roux/loaders"
)

// stored is a tensor in a file. Begin is where its first element lies.
type stored struct {
	loaders.Stored
	view *view

	// Of one whose elements do not lie one behind the other:
	tiles *tiles
	tile  int64        // bytes of a tile: whole rows, where they are short enough
	last  atomic.Int64 // where the last read ended
}

func newStored(f *loaders.Late, t named, place span, ts *tiles) *stored {
	size := int64(t.info.DType.Size())
	unit := size
	for _, n := range slices.Backward(t.view.shape) {
		if n == 0 || unit*int64(n) > tileBytes {
			break
		}
		unit *= int64(n)
	}
	return &stored{Stored: loaders.Stored{File: f, Header: t.info, Begin: place.from + t.view.offset*size}, view: t.view, tiles: ts, tile: tileBytes / unit * unit}
}

// ID is the file's identity and the elements in it.
func (t *stored) ID(ctx context.Context) (string, error) {
	if t.view.contiguous() {
		return t.Stored.ID(ctx)
	}
	id, err := t.File.FileID()
	return fmt.Sprintf("%s %d strides %v", id, t.Begin, t.view.strides), err
}

// gather puts elements into their order, without tiles.
func (t *stored) gather(p []byte, off int64) error {
	return t.gatherer(window).bytes(t.view)(p, off)
}

func (t *stored) gatherer(most int64) *gatherer {
	return &gatherer{size: int64(t.Header.DType.Size()), window: most, read: func(p []byte, at int64) error { return t.File.Fill(p, t.Begin+at) }}
}
