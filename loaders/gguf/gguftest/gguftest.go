// Package gguftest makes small GGUF files for tests.
package gguftest

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"

	"github.com/rouxml/roux/loaders"
	"github.com/rouxml/roux/loaders/gguf"
	"github.com/rouxml/roux/tensor"
)

// Tensor is a tensor with its bytes, under ggml's name; the shape has rows first.
type Tensor struct {
	Name  string
	Shape []int
	Type  uint32
	Data  []byte
}

// File makes the bytes of a file.
func File(md *gguf.Metadata, tensors ...Tensor) []byte {
	entries := make([]gguf.Entry, len(tensors))
	for i, t := range tensors {
		entries[i] = gguf.Entry{Name: t.Name, Shape: t.Shape, Type: t.Type}
	}
	out, err := gguf.AppendHeader(nil, md, entries)
	if err != nil {
		panic(err) // a test's mistake
	}
	data := len(out)
	for i, t := range tensors {
		out = append(out, make([]byte, data+int(entries[i].Offset)-len(out))...)
		out = append(out, t.Data...)
	}
	return out
}

// F32 makes a tensor of plain values.
func F32(name string, values []float32, shape ...int) Tensor {
	var data []byte
	for _, v := range values {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
	}
	return Tensor{Name: name, Shape: shape, Data: data}
}

// Q8_0 makes a tensor of random blocks; the last dimension is a multiple of 32.
func Q8_0(r *rand.Rand, name string, shape ...int) Tensor {
	n := 1
	for _, d := range shape {
		n *= d
	}
	var data []byte
	for range n / 32 {
		data = append(data, byte(r.Uint32()), 0x20|byte(r.Uint32N(4)))
		for range 32 {
			data = append(data, byte(r.Uint32()))
		}
	}
	return Tensor{Name: name, Shape: shape, Type: 8, Data: data}
}

// Llama is a model of two layers: a width of 64, four heads of which pairs
// share keys and values, an MLP of 96 in blocks, 40 tokens.
func Llama(seed uint64) (*gguf.Metadata, []Tensor) {
	r := rand.New(rand.NewPCG(seed, 8))
	md := Metadata("llama", map[string]any{
		"block_count": uint64(2), "context_length": uint64(128), "embedding_length": uint64(64), "feed_forward_length": uint64(96),
		"attention.head_count": uint64(4), "attention.head_count_kv": uint64(2), "attention.layer_norm_rms_epsilon": 9.999999747378752e-06,
		"rope.dimension_count": uint64(16), "rope.freq_base": 10000.0,
	})
	list := []Tensor{Q8_0(r, "token_embd.weight", 40, 64), Random(r, "output_norm.weight", 64)}
	for _, layer := range []string{"blk.0.", "blk.1."} {
		list = append(list, Random(r, layer+"attn_norm.weight", 64), Random(r, layer+"ffn_norm.weight", 64),
			Q8_0(r, layer+"attn_q.weight", 64, 64), Random(r, layer+"attn_k.weight", 32, 64), Q8_0(r, layer+"attn_v.weight", 32, 64),
			Q8_0(r, layer+"attn_output.weight", 64, 64), Q8_0(r, layer+"ffn_gate.weight", 96, 64), Q8_0(r, layer+"ffn_up.weight", 96, 64),
			Q8_0(r, layer+"ffn_down.weight", 64, 96))
	}
	return md, list
}

// Metadata sets the architecture and keys below it.
func Metadata(arch string, keys map[string]any) *gguf.Metadata {
	md := new(gguf.Metadata)
	md.Set("general.architecture", arch)
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		md.Set(arch+"."+k, keys[k])
	}
	return md
}

// Random makes a plain tensor of random values.
func Random(r *rand.Rand, name string, shape ...int) Tensor {
	n := 1
	for _, d := range shape {
		n *= d
	}
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(r.NormFloat64())
	}
	return F32(name, values, shape...)
}

// Writer stores plain models of any names as a llama of two layers: what the
// conformance suite of loaders reads back.
var Writer = loaders.Format{Name: "gguf for tests", Version: 1, Doc: "Models of tests.",
	Stores: func(info tensor.Info) error {
		if _, ok := types[info.DType]; !ok || info.Quant != nil {
			return fmt.Errorf("%s is not stored", info.DType)
		}
		return nil
	},
	Create: func(dir string, _ *tensor.Model, _ loaders.WriteOptions) (tensor.Sink, error) {
		return &sink{dir: dir}, nil
	},
}

var types = map[tensor.DType]uint32{tensor.F32: 0, tensor.F16: 1, tensor.BF16: 30}

// sink keeps tensors in memory until they are committed.
type sink struct {
	dir  string
	list []Tensor
}

// Begin makes room for the tensors.
func (s *sink) Begin(_ context.Context, infos []tensor.Info) error {
	for _, info := range infos {
		s.list = append(s.list, Tensor{info.Name, info.Shape, types[info.DType], make([]byte, info.Bytes())})
	}
	return nil
}

// Writer returns where a tensor's bytes go.
func (s *sink) Writer(name string) (io.WriterAt, error) {
	for _, t := range s.list {
		if t.Name == name {
			return bytesAt(t.Data), nil
		}
	}
	return nil, fmt.Errorf("no tensor %s", name)
}

// Commit writes the file.
func (s *sink) Commit(context.Context) error {
	md, llama := Llama(1)
	return os.WriteFile(filepath.Join(s.dir, "model.gguf"), File(md, append(s.list, llama[0])...), 0o644)
}

// Abort forgets the tensors.
func (s *sink) Abort() error { return nil }

type bytesAt []byte

// WriteAt copies bytes to their place.
func (b bytesAt) WriteAt(p []byte, off int64) (int, error) { return copy(b[off:], p), nil }
