package torch

import (
	"context"
	"fmt"

	"github.com/rouxml/roux/loaders"
)

// stored is a tensor in a file. Begin is where its first element lies.
type stored struct {
	loaders.Stored
	view *view
}

func newStored(f *loaders.Late, t named, place span) *stored {
	return &stored{loaders.Stored{File: f, Header: t.info, Begin: place.from + t.view.offset*int64(t.info.DType.Size())}, t.view}
}

// ReadAt reads bytes of the tensor. Elements that do not lie one behind the
// other are gathered, with at most window bytes beside p.
func (t *stored) ReadAt(p []byte, off int64) (int, error) {
	if t.view.contiguous() {
		return t.Stored.ReadAt(p, off)
	}
	return loaders.ReadRange(t.Header, p, off, t.gatherer(window).bytes(t.view))
}

// ID is the file's identity and the elements in it.
func (t *stored) ID(ctx context.Context) (string, error) {
	if t.view.contiguous() {
		return t.Stored.ID(ctx)
	}
	id, err := t.File.FileID()
	return fmt.Sprintf("%s %d strides %v", id, t.Begin, t.view.strides), err
}

func (t *stored) gatherer(most int64) *gatherer {
	return &gatherer{size: int64(t.Header.DType.Size()), window: most, read: func(p []byte, at int64) error { return t.File.Fill(p, t.Begin+at) }}
}
