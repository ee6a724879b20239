package gguf

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

// File is one open GGUF file: a tensor.Source under ggml's names, in the order
// of its bytes. Reads are plain preads.
type File struct {
	path   string
	header *Header
	infos  []tensor.Info
	index  map[string]int

	openOnce sync.Once
	f        *os.File
	openErr  error

	idOnce sync.Once
	id     string
	idErr  error
}

// OpenFile reads a file's header and holds every tensor to the bytes that there
// are. Bytes are opened when first read.
func OpenFile(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	h, err := ReadHeader(f, info.Size())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	out := &File{path: path, header: h, index: make(map[string]int, len(h.Tensors))}
	if err := out.place(info.Size()); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return out, nil
}

// place makes the headers; tensors lie one behind another and within the file.
func (f *File) place(size int64) error {
	end, last := int64(0), ""
	for i, e := range f.header.Tensors {
		info, err := e.info()
		if err != nil {
			return err
		}
		n := info.Bytes()
		if e.Offset < end {
			return fmt.Errorf("tensors %q and %q overlap at byte %d of the data: the file is damaged", last, e.Name, e.Offset)
		}
		if n > size-f.header.Data-e.Offset {
			return fmt.Errorf("tensor %q ends at byte %d and the file has %d: it is truncated, download it again", e.Name, f.header.Data+e.Offset+n, size)
		}
		end, last = e.Offset+n, e.Name
		f.infos = append(f.infos, info)
		f.index[e.Name] = i
	}
	return nil
}

// Header returns what stands before the tensors. The caller must not change it.
func (f *File) Header() *Header { return f.header }

// Infos lists the headers in the order of the bytes.
func (f *File) Infos() []tensor.Info { return f.infos }

// Tensor returns a tensor by ggml's name.
func (f *File) Tensor(name string) (tensor.Tensor, bool) {
	i, ok := f.index[name]
	if !ok {
		return nil, false
	}
	return f.stored(i), true
}

func (f *File) stored(i int) *stored {
	return &stored{f, f.infos[i], f.header.Data + f.header.Tensors[i].Offset}
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

// stored is a tensor as it lies in a file, maybe under another name, or some
// rows of one.
type stored struct {
	file  *File
	info  tensor.Info
	begin int64 // in the file
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
	f, err := t.file.handle()
	if err != nil {
		return 0, err
	}
	n, err := f.ReadAt(p, t.begin+off)
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
	return id + " " + strconv.FormatInt(t.begin, 10) + "+" + strconv.FormatInt(t.info.Bytes(), 10), err
}
