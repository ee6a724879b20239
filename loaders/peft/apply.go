package peft

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/codec"
)

// Apply returns the base model with the adapter added: the same names, shapes
// and dtypes, each adapted tensor computed when it is read.
func Apply(base *tensor.Model, a *Adapter) (*tensor.Model, error) {
	src := &adapted{base: base.Weights, merged: map[string]tensor.Tensor{}}
	var bad []string
	for module, p := range a.pairs {
		t, why := a.merge(base.Weights, module, p)
		if why != "" {
			bad = append(bad, why)
			continue
		}
		src.merged[t.Info().Name] = t
	}
	for name, t := range a.full {
		old, ok := base.Weights.Tensor(name)
		if !ok || !old.Info().Shape.Equal(t.Info().Shape) || old.Info().DType != t.Info().DType {
			bad = append(bad, fmt.Sprintf("%s: the base has no such tensor of %v", name, t.Info().Shape))
			continue
		}
		src.merged[name] = t
	}
	if len(bad) > 0 {
		slices.Sort(bad)
		return nil, fmt.Errorf("the adapter was made for another base: %d modules do not fit:\n  %s", len(bad), strings.Join(bad[:min(5, len(bad))], "\n  "))
	}
	out := *base
	out.Weights = src
	return &out, nil
}

func (a *Adapter) merge(base tensor.Source, module string, p *pair) (*merged, string) {
	name := module + ".weight"
	w, ok := base.Tensor(name)
	if !ok {
		return nil, name + ": the base has no such tensor"
	}
	ai, bi, wi := p.a.Info(), p.b.Info(), w.Info()
	if len(ai.Shape) != 2 || len(bi.Shape) != 2 || len(wi.Shape) != 2 {
		return nil, name + ": the factors are no matrices"
	}
	rank, in, out := ai.Shape[0], ai.Shape[1], bi.Shape[0]
	rows, cols := out, in
	if a.Config.FanInFanOut {
		rows, cols = in, out
	}
	if bi.Shape[1] != rank || wi.Shape[0] != rows || wi.Shape[1] != cols {
		return nil, fmt.Sprintf("%s: %v in the base, %v x %v in the adapter", name, wi.Shape, bi.Shape, ai.Shape)
	}
	return &merged{base: w, a: p.a, b: p.b, rank: rank, scale: float32(a.Config.scale(module, rank)), transposed: a.Config.FanInFanOut}, ""
}

// adapted is a base with some tensors replaced.
type adapted struct {
	base   tensor.Source
	merged map[string]tensor.Tensor
}

// Infos lists the base's headers.
func (s *adapted) Infos() []tensor.Info { return s.base.Infos() }

// Tensor returns the adapted tensor, or the base's.
func (s *adapted) Tensor(name string) (tensor.Tensor, bool) {
	if t, ok := s.merged[name]; ok {
		return t, true
	}
	return s.base.Tensor(name)
}

// merged is one tensor with its LoRA added. The factors are small and stay
// decoded once they were read.
type merged struct {
	base, a, b tensor.Tensor
	rank       int
	scale      float32
	transposed bool // W is stored in x out, as in GPT-2

	once sync.Once
	left []float32 // rows of W's first dimension x rank
	// right is rank x columns of W.
	right []float32
	err   error
}

// Info returns the base tensor's header.
func (m *merged) Info() tensor.Info { return m.base.Info() }

// ID combines what the three tensors hold.
func (m *merged) ID(ctx context.Context) (string, error) {
	text := fmt.Sprintf("lora scale %g transposed %t", m.scale, m.transposed)
	for _, t := range []tensor.Tensor{m.base, m.a, m.b} {
		id, ok := t.(tensor.Identified)
		if !ok {
			return "", fmt.Errorf("tensor %s cannot be identified", t.Info().Name)
		}
		s, err := id.ID(ctx)
		if err != nil {
			return "", err
		}
		text += " " + t.Info().DType.String() + " " + s
	}
	return text, nil
}

// ReadAt computes the rows that the range touches.
func (m *merged) ReadAt(p []byte, off int64) (int, error) {
	info := m.Info()
	size := int64(info.RowBytes())
	if off < 0 || off > info.Bytes() {
		return 0, fmt.Errorf("tensor %s: offset %d of %d", info.Name, off, info.Bytes())
	}
	want := min(int64(len(p)), info.Bytes()-off)
	if want > 0 {
		from, to := off/size, (off+want+size-1)/size
		rows, err := m.rows(int(from), int(to-from))
		if err != nil {
			return 0, err
		}
		copy(p[:want], rows[off-from*size:])
	}
	if want < int64(len(p)) {
		return int(want), io.EOF
	}
	return int(want), nil
}

func (m *merged) rows(from, n int) ([]byte, error) {
	m.once.Do(func() { m.err = m.load() })
	if m.err != nil {
		return nil, m.err
	}
	info := m.Info()
	cols := info.Shape.Cols()
	raw := make([]byte, n*info.RowBytes())
	if k, err := m.base.ReadAt(raw, int64(from)*int64(info.RowBytes())); k < len(raw) {
		return nil, fmt.Errorf("tensor %s: %w", info.Name, err)
	}
	vals := make([]float32, n*cols)
	if err := codec.ToF32(vals, raw, info.DType); err != nil {
		return nil, err
	}
	sum := make([]float64, cols)
	for i := range n {
		m.addRow(vals[i*cols:(i+1)*cols], sum, from+i)
	}
	return raw, codec.FromF32(raw, vals, info.DType)
}

// addRow adds scale * (left row) * right, summed over the rank in float64.
func (m *merged) addRow(row []float32, sum []float64, i int) {
	clear(sum)
	for k := range m.rank {
		l := float64(m.left[i*m.rank+k])
		for j, r := range m.right[k*len(row) : (k+1)*len(row)] {
			sum[j] += l * float64(r)
		}
	}
	for j, s := range sum {
		row[j] += m.scale * float32(s)
	}
}

func (m *merged) load() error {
	a, err := readAll(m.a)
	if err != nil {
		return err
	}
	b, err := readAll(m.b)
	if err != nil {
		return err
	}
	m.left, m.right = b, a
	if m.transposed { // W stored as its transpose: (B A)^T = A^T B^T
		m.left, m.right = transpose(a, m.rank), transpose(b, len(b)/m.rank)
	}
	return nil
}

func transpose(x []float32, rows int) []float32 {
	cols := len(x) / rows
	out := make([]float32, len(x))
	for i := range rows {
		for j := range cols {
			out[j*rows+i] = x[i*cols+j]
		}
	}
	return out
}

func readAll(t tensor.Tensor) ([]float32, error) {
	info := t.Info()
	raw := make([]byte, info.Bytes())
	if n, err := t.ReadAt(raw, 0); n < len(raw) {
		return nil, fmt.Errorf("tensor %s: %w", info.Name, err)
	}
	vals := make([]float32, info.Shape.Numel())
	return vals, codec.ToF32(vals, raw, info.DType)
}
