package torch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/rouxml/roux/tensor"
)

// stored is a tensor in a file.
type stored struct {
	file  *File
	info  tensor.Info
	view  *view
	place span // of the storage

	// A view whose elements do not lie one behind the other is gathered when it
	// is first read, and kept.
	gatherOnce sync.Once
	gathered   []byte
	gatherErr  error
}

func newStored(f *File, t named, place span) *stored {
	return &stored{file: f, info: t.info, view: t.view, place: place}
}

// Info returns the header.
func (t *stored) Info() tensor.Info { return t.info }

// ReadAt reads bytes of the tensor.
func (t *stored) ReadAt(p []byte, off int64) (int, error) {
	size := t.info.Bytes()
	if off < 0 || off > size {
		return 0, fmt.Errorf("tensor %s: offset %d of %d", t.info.Name, off, size)
	}
	short := int64(len(p)) > size-off
	if short {
		p = p[:size-off]
	}
	n, err := t.bytes(p, off)
	if err == nil && short {
		err = io.EOF
	}
	return n, err
}

// bytes fills p with bytes that are inside of the tensor.
func (t *stored) bytes(p []byte, off int64) (int, error) {
	if t.view.contiguous() {
		return t.raw(p, t.view.offset*int64(t.info.DType.Size())+off)
	}
	if t.file.closed.Load() {
		return 0, os.ErrClosed
	}
	t.gatherOnce.Do(func() { t.gathered, t.gatherErr = t.gather() })
	if t.gatherErr != nil {
		return 0, t.gatherErr
	}
	return copy(p, t.gathered[off:]), nil
}

// raw reads bytes of the storage.
func (t *stored) raw(p []byte, off int64) (int, error) {
	f, err := t.file.handle()
	if err != nil {
		return 0, err
	}
	n, err := f.ReadAt(p, t.place.from+off)
	if errors.Is(err, io.EOF) && n < len(p) {
		return n, fmt.Errorf("%s: the file became shorter while it was read: %w", t.file.path, io.ErrUnexpectedEOF)
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

// gather reads the part of the storage that the view covers and puts its
// elements into their order.
func (t *stored) gather() ([]byte, error) {
	size := int64(t.info.DType.Size())
	raw := make([]byte, (t.view.last()-t.view.offset+1)*size)
	if _, err := t.raw(raw, t.view.offset*size); err != nil {
		return nil, err
	}
	out := make([]byte, 0, t.info.Bytes())
	return t.view.walk(out, raw, 0, 0, int(size)), nil
}

// walk appends the elements below one dimension.
func (v *view) walk(out, raw []byte, dim int, at int64, size int) []byte {
	if dim == len(v.shape) {
		return append(out, raw[at*int64(size):(at+1)*int64(size)]...)
	}
	for i := range v.shape[dim] {
		out = v.walk(out, raw, dim+1, at+int64(i)*v.strides[dim], size)
	}
	return out
}

// ID is the file's identity and the elements in it.
func (t *stored) ID(context.Context) (string, error) {
	id, err := t.file.identity()
	from := t.place.from + t.view.offset*int64(t.info.DType.Size())
	if t.view.contiguous() {
		return fmt.Sprintf("%s %d-%d", id, from, from+t.info.Bytes()), err
	}
	return fmt.Sprintf("%s %d strides %v", id, from, t.view.strides), err
}
