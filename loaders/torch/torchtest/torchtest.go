// Package torchtest writes model directories as transformers did before
// safetensors, so that the suite of formats has files for the reader.
package torchtest

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/rouxml/roux/loaders"
	"github.com/rouxml/roux/tensor"
)

// Format writes pytorch_model.bin, or shards and their index, from memory.
var Format = loaders.Format{
	Name: "torchtest", Version: 1, Doc: "PyTorch files for tests.",
	Stores: func(info tensor.Info) error {
		if info.Quant != nil {
			return fmt.Errorf("no codes")
		}
		return nil
	},
	Create: func(dir string, m *tensor.Model, o loaders.WriteOptions) (tensor.Sink, error) {
		return &sink{dir: dir, model: m, shard: o.ShardBytes, data: map[string]memory{}}, nil
	},
	Files: func(*tensor.Model, loaders.WriteOptions) ([]loaders.FileSize, error) { return nil, nil },
}

type memory []byte

// WriteAt copies into place.
func (m memory) WriteAt(p []byte, off int64) (int, error) { return copy(m[off:], p), nil }

type sink struct {
	dir   string
	model *tensor.Model
	shard int64
	infos []tensor.Info
	data  map[string]memory
}

func (s *sink) Begin(_ context.Context, infos []tensor.Info) error {
	s.infos = infos
	for _, info := range infos {
		s.data[info.Name] = make(memory, info.Bytes())
	}
	return nil
}

func (s *sink) Writer(name string) (io.WriterAt, error) { return s.data[name], nil }

func (s *sink) Abort() error { return nil }

// Commit writes all files.
func (s *sink) Commit(context.Context) error {
	shards := [][]tensor.Info{nil}
	var size int64
	for _, info := range s.infos {
		if s.shard > 0 && size > 0 && size+info.Bytes() > s.shard {
			shards, size = append(shards, nil), 0
		}
		shards[len(shards)-1] = append(shards[len(shards)-1], info)
		size += info.Bytes()
	}
	where := map[string]string{}
	for i, infos := range shards {
		name := "pytorch_model.bin"
		if len(shards) > 1 {
			name = fmt.Sprintf("pytorch_model-%05d-of-%05d.bin", i+1, len(shards))
		}
		for _, info := range infos {
			where[info.Name] = name
		}
		if err := Write(filepath.Join(s.dir, name), infos, func(name string) []byte { return s.data[name] }); err != nil {
			return err
		}
	}
	return s.beside(where, len(shards) > 1)
}

func (s *sink) beside(where map[string]string, index bool) error {
	files := s.model.Files
	if s.model.Config != nil {
		files = append(files[:len(files):len(files)], tensor.File{Name: "config.json", Data: s.model.Config})
	}
	if index {
		text, err := json.Marshal(map[string]any{"metadata": map[string]int{}, "weight_map": where})
		if err != nil {
			return err
		}
		files = append(files, tensor.File{Name: "pytorch_model.bin.index.json", Data: text})
	}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(s.dir, f.Name), f.Data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Write writes one file as torch.save does.
func Write(path string, infos []tensor.Info, data func(name string) []byte) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	w := zip.NewWriter(f)
	put := func(name string, b []byte) {
		if err != nil {
			return
		}
		var to io.Writer
		if to, err = w.CreateHeader(&zip.FileHeader{Name: "archive/" + name}); err == nil {
			_, err = to.Write(b)
		}
	}
	put("data.pkl", pickle(infos))
	for i, info := range infos {
		put(fmt.Sprintf("data/%d", i), data(info.Name))
	}
	put("version", []byte("3\n"))
	if err != nil {
		return err
	}
	return w.Close()
}

// pickle is a dictionary of tensors, each over bytes of its own with its dtype
// beside them: the one form that has all dtypes.
func pickle(infos []tensor.Info) []byte {
	var b bytes.Buffer
	number := func(n int) {
		b.WriteString("\x8a\x08")
		_ = binary.Write(&b, binary.LittleEndian, int64(n))
	}
	text := func(s string) {
		b.WriteByte('X')
		_ = binary.Write(&b, binary.LittleEndian, uint32(len(s)))
		b.WriteString(s)
	}
	b.WriteString("\x80\x02ccollections\nOrderedDict\n)R(")
	for i, info := range infos {
		text(info.Name)
		b.WriteString("ctorch._utils\n_rebuild_tensor_v3\n((")
		text("storage")
		b.WriteString("ctorch.storage\nUntypedStorage\n")
		text(fmt.Sprint(i))
		text("cpu")
		number(int(info.Bytes()))
		b.WriteString("tQK\x00(")
		for _, n := range info.Shape {
			number(n)
		}
		b.WriteString("t(")
		for d := range info.Shape {
			number(info.Shape[d+1:].Numel())
		}
		b.WriteString("t\x89Nctorch\n" + info.DType.Torch() + "\ntR")
	}
	b.WriteString("u.")
	return b.Bytes()
}
