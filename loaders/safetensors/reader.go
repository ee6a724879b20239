package safetensors

import (
	"os"

	"github.com/rouxml/roux/loaders"
	"github.com/rouxml/roux/tensor"
)

// File is one open safetensors file: a tensor.Source in the order of its bytes.
type File struct {
	*loaders.Late
	h     *header
	infos []tensor.Info
}

// Open reads a file's header. Bytes are opened when first read.
func Open(path string) (*File, error) {
	out := &File{}
	var err error
	out.Late, err = loaders.OpenLate(path, func(f *os.File, size int64) (err error) {
		out.h, err = readHeader(f, size)
		return err
	})
	if err != nil {
		return nil, err
	}
	out.infos = make([]tensor.Info, len(out.h.entries))
	for i, e := range out.h.entries {
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
	return &loaders.Stored{File: f.Late, Header: f.infos[i], Begin: f.h.size + f.h.entries[i].begin}, true
}
