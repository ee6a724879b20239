// Package torch reads the files of torch.save: state dicts in .bin, .pt and
// .pth files. A pickle is a program, so it is run by a machine that knows a
// fixed table of names and makes tensors' headers, numbers, texts and
// containers alone; nothing of it is ever executed. Bytes stay in the file
// until they are read.
package torch

import (
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/rouxml/roux/loaders"
	"github.com/rouxml/roux/loaders/shards"
	"github.com/rouxml/roux/tensor"
)

// Form is how the files of a model's directory are called.
var Form = shards.Form{Single: "pytorch_model.bin", Index: "pytorch_model.bin.index.json", Ext: ".bin"}

// Exts are the endings of files that torch.save writes.
var Exts = []string{".bin", ".pt", ".pth"}

// OpenDir opens a directory's pytorch_model.bin, or the shards of its index.
func OpenDir(dir string) (*shards.Dir, error) {
	shared := &tiles{}
	return shards.Open(dir, Form, func(path string) (shards.File, error) { return open(path, shared) })
}

// File is one open file: a tensor.Source in the order of the state dict.
type File struct {
	*loaders.Late
	infos []tensor.Info
	index map[string]*stored
	tiles *tiles // of all files of a model
}

// Open reads a file's headers. Bytes are opened when first read.
func Open(path string) (*File, error) { return open(path, &tiles{}) }

func open(path string, ts *tiles) (*File, error) {
	var tensors []named
	var places map[string]span
	late, err := loaders.OpenLate(path, func(f *os.File, size int64) (err error) {
		tensors, places, err = read(f, size)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := &File{Late: late, index: make(map[string]*stored, len(tensors)), tiles: ts}
	for _, t := range tensors {
		out.infos = append(out.infos, t.info)
		out.index[t.info.Name] = newStored(late, t, places[t.view.of.key], ts)
	}
	return out, nil
}

// read returns the tensors of a file and where their storages lie in it.
func read(f io.ReaderAt, size int64) ([]named, map[string]span, error) {
	head := make([]byte, 512)
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	head = head[:n]
	switch {
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return readZip(f, size)
	case bytes.HasPrefix(head, legacyMagic):
		return readLegacy(f, size)
	case isTar(head):
		return nil, nil, errors.New("it was written by torch before 0.1.10: load it with an old torch and save it anew")
	case bytes.HasPrefix(head, []byte("version https://git-lfs")):
		return nil, nil, errors.New("it is a pointer of Git LFS and holds no weights: fetch them with git lfs pull")
	}
	return nil, nil, errors.New("it is no file of torch.save: neither a zip archive nor a pickle of torch")
}

// IsFile says whether the path is one file with an ending of torch.
func IsFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && slices.ContainsFunc(Exts, func(end string) bool { return strings.HasSuffix(path, end) })
}

// Infos lists the headers in the order of the state dict.
func (f *File) Infos() []tensor.Info { return f.infos }

// Tensor returns a tensor by name.
func (f *File) Tensor(name string) (tensor.Tensor, bool) {
	t, ok := f.index[name]
	if !ok {
		return nil, false
	}
	return t, true
}

// Same says whether two names of a source of this package stand for one tensor:
// the same elements of the same storage, as tied weights are saved.
func Same(src tensor.Source, a, b string) bool {
	s, _ := src.Tensor(a)
	t, _ := src.Tensor(b)
	x, ok1 := s.(*stored)
	y, ok2 := t.(*stored)
	return ok1 && ok2 && x.File == y.File && x.Begin == y.Begin && x.Header.DType == y.Header.DType &&
		x.Header.Shape.Equal(y.Header.Shape) && slices.Equal(x.view.strides, y.view.strides)
}
