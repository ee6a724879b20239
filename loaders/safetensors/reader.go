package safetensors

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"

	"github.com/rouxml/roux/loaders"
	"github.com/rouxml/roux/tensor"
)

// File is one open safetensors file: a tensor.Source in the order of its bytes.
// Reads are plain preads, so that a file which shrinks underneath gives an
// error and resident memory stays what the caller allocates.
type File struct {
	path  string
	h     *header
	infos []tensor.Info

	openOnce sync.Once
	f        *os.File
	openErr  error

	idOnce sync.Once
	id     string
	idErr  error
}

// Open reads a file's header. Bytes are opened when first read.
func Open(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	h, err := readHeader(f, info.Size())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	out := &File{path: path, h: h, infos: make([]tensor.Info, len(h.entries))}
	for i, e := range h.entries {
		out.infos[i] = e.info
	}
	return out, nil
}

// Infos lists the headers in the order of the bytes.
func (f *File) Infos() []tensor.Info { return f.infos }

// Metadata returns the header's __metadata__.
func (f *File) Metadata() map[string]string { return f.h.metadata }

// Tensor returns a tensor by name.
func (f *File) Tensor(name string) (tensor.Tensor, bool) {
	i, ok := f.h.index[name]
	if !ok {
		return nil, false
	}
	return &stored{f, f.h.entries[i]}, true
}

// Close releases the file.
func (f *File) Close() error {
	f.openOnce.Do(func() { f.openErr = os.ErrClosed })
	if f.f == nil {
		return nil
	}
	return f.f.Close()
}

func (f *File) handle() (*os.File, error) {
	f.openOnce.Do(func() { f.f, f.openErr = os.Open(f.path) })
	return f.f, f.openErr
}

func (f *File) identity() (string, error) {
	f.idOnce.Do(func() { f.id, f.idErr = loaders.FileID(f.path) })
	return f.id, f.idErr
}

// stored is a tensor in a file.
type stored struct {
	file *File
	e    entry
}

// Info returns the header.
func (t *stored) Info() tensor.Info { return t.e.info }

// ReadAt reads bytes of the tensor.
func (t *stored) ReadAt(p []byte, off int64) (int, error) {
	size := t.e.end - t.e.begin
	if off < 0 || off > size {
		return 0, fmt.Errorf("tensor %s: offset %d of %d", t.e.info.Name, off, size)
	}
	short := int64(len(p)) > size-off
	if short {
		p = p[:size-off]
	}
	f, err := t.file.handle()
	if err != nil {
		return 0, err
	}
	n, err := f.ReadAt(p, t.file.h.size+t.e.begin+off)
	if errors.Is(err, io.EOF) && n < len(p) {
		return n, fmt.Errorf("%s: the file became shorter while it was read: %w", t.file.path, io.ErrUnexpectedEOF)
	}
	if err == nil && short {
		err = io.EOF
	}
	return n, err
}

// ID is the file's identity and the range in it.
func (t *stored) ID(context.Context) (string, error) {
	id, err := t.file.identity()
	return id + " " + strconv.FormatInt(t.e.begin, 10) + "-" + strconv.FormatInt(t.e.end, 10), err
}
