package gguf

import (
	"fmt"
	"os"

	"github.com/rouxml/roux/loaders"
	"github.com/rouxml/roux/tensor"
)

// File is one open GGUF file: a tensor.Source under ggml's names, in the order
// of its bytes.
type File struct {
	*loaders.Late
	header *Header
	infos  []tensor.Info
	index  map[string]int
}

// OpenFile reads a file's header and holds every tensor to the bytes that there
// are. Bytes are opened when first read.
func OpenFile(path string) (*File, error) {
	out := &File{index: map[string]int{}}
	var err error
	out.Late, err = loaders.OpenLate(path, func(f *os.File, size int64) (err error) {
		if out.header, err = ReadHeader(f, size); err != nil {
			return err
		}
		return out.place(size)
	})
	if err != nil {
		return nil, err
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

func (f *File) stored(i int) *loaders.Stored {
	return &loaders.Stored{File: f.Late, Header: f.infos[i], Begin: f.header.Data + f.header.Tensors[i].Offset}
}
