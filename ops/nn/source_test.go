package nn

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/codec"
)

// golden is a file that .ci/oracle_nn.py wrote.
type golden struct {
	Config  json.RawMessage
	Tensors map[string][3]any // shape, base, scale
	Answers []struct {
		Tokens           []int32
		Std              float64
		LogProb, Entropy []float64
		Logits, Hidden   map[string][]float64
	}
}

func goldens(t testing.TB) map[string]golden {
	t.Helper()
	files, err := filepath.Glob("testdata/golden/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no goldens", err)
	}
	all := map[string]golden{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var g golden
		if err := json.Unmarshal(text, &g); err != nil {
			t.Fatal(f, err)
		}
		all[strings.TrimSuffix(filepath.Base(f), ".json")] = g
	}
	return all
}

func (g golden) batch() (b [][]int32) {
	for _, a := range g.Answers {
		b = append(b, a.Tokens)
	}
	return b
}

// draws are the keyed draws of the Python script: 32 levels from -1.
func draws(name string, n int) []float32 {
	h := uint64(0xCBF29CE484222325)
	for _, b := range []byte(name) {
		h = (h ^ uint64(b)) * 0x100000001B3
	}
	out := make([]float32, n)
	for i := range out {
		z := h + uint64(i+1)*0x9E3779B97F4A7C15
		z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
		z = (z ^ z>>27) * 0x94D049BB133111EB
		z ^= z >> 31
		out[i] = (float32(z>>59) - 16) / 16
	}
	return out
}

// memory is a source in memory.
type memory struct {
	infos  []tensor.Info
	data   map[string][]byte
	mapped bool
	reads  map[string]int
}

func (m *memory) Infos() []tensor.Info { return m.infos }

func (m *memory) Tensor(name string) (tensor.Tensor, bool) {
	for _, i := range m.infos {
		if i.Name == name {
			p := plain{info: i, Reader: bytes.NewReader(m.data[name]), of: m}
			if m.mapped {
				return mapped{p}, true
			}
			return p, true
		}
	}
	return nil, false
}

type plain struct {
	*bytes.Reader
	info tensor.Info
	of   *memory
}

func (p plain) Info() tensor.Info { return p.info }
func (p plain) ReadAt(b []byte, at int64) (int, error) {
	if p.of.reads != nil {
		p.of.reads[p.info.Name]++
	}
	return p.Reader.ReadAt(b, at)
}

type mapped struct{ plain }

func (m mapped) Bytes() []byte { return m.of.data[m.info.Name] }

func (m *memory) add(name string, shape []int, d tensor.DType, x []float32) {
	b := make([]byte, len(x)*d.Size())
	if err := codec.FromF32(b, x, d); err != nil {
		panic(err)
	}
	m.infos = append(m.infos, tensor.Info{Name: name, DType: d, Shape: shape})
	m.data[name] = b
}

// source makes the golden's weights.
func (g golden) source(d tensor.DType) *memory {
	m := &memory{data: map[string][]byte{}, mapped: true}
	for name, s := range g.Tensors {
		var shape []int
		n := 1
		for _, v := range s[0].([]any) {
			shape = append(shape, int(v.(float64)))
			n *= int(v.(float64))
		}
		x := draws(name, n)
		for i := range x {
			x[i] = float32(s[1].(float64)) + float32(s[2].(float64))*x[i]
		}
		m.add(name, shape, d, x)
	}
	return m
}

func bits(x []float32) []byte {
	var b []byte
	for _, v := range x {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

var _ io.ReaderAt = plain{}
