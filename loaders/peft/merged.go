package peft

import (
	"context"
	"fmt"
	"sync"

	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/codec"
	"github.com/rouxml/roux/tensor/lora"
)

// merged is one tensor with its LoRA added. The factors are small and stay
// decoded once they were read.
type merged struct {
	base, a, b tensor.Tensor
	magnitude  tensor.Tensor // nil without DoRA
	module     lora.Module
	transposed bool // W is stored in x out, as in GPT-2

	once  sync.Once
	delta *lora.Delta
	err   error
}

// Info returns the base tensor's header.
func (m *merged) Info() tensor.Info { return m.base.Info() }

// ID combines what the tensors hold.
func (m *merged) ID(ctx context.Context) (string, error) {
	of := []tensor.Tensor{m.base, m.a, m.b}
	if m.magnitude != nil {
		of = append(of, m.magnitude)
	}
	return identify(ctx, fmt.Sprintf("lora 2 scale %g transposed %t", m.module.Scale, m.transposed), of...)
}

func identify(ctx context.Context, text string, of ...tensor.Tensor) (string, error) {
	for _, t := range of {
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
	cols := info.Shape.Numel() / info.Shape[0]
	return readRows(info, cols*info.DType.Size(), p, off, m.rows)
}

func (m *merged) rows(from, n int) ([]byte, error) {
	m.once.Do(func() { m.err = m.load() })
	if m.err != nil {
		return nil, m.err
	}
	vals, raw, err := m.read(from, n)
	if err != nil {
		return nil, err
	}
	m.delta.Add(vals, from, n)
	return raw, codec.FromF32(raw, vals, m.Info().DType)
}

// read returns rows of the base, and the bytes they were.
func (m *merged) read(from, n int) ([]float32, []byte, error) {
	info := m.Info()
	size := m.delta.Cols * info.DType.Size()
	raw, vals := make([]byte, n*size), make([]float32, n*m.delta.Cols)
	if k, err := m.base.ReadAt(raw, int64(from)*int64(size)); k < len(raw) {
		return nil, nil, fmt.Errorf("tensor %s: %w", info.Name, err)
	}
	return vals, raw, codec.ToF32(vals, raw, info.DType)
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
	m.delta = lora.NewDelta(a, b, m.module.Rank, m.module.Scale, m.transposed)
	m.delta.Workers = 1 // blocks are read by many already
	if m.magnitude == nil {
		return nil
	}
	if m.delta.Magnitude, err = readAll(m.magnitude); err != nil || !m.transposed {
		return err
	}
	return m.norms()
}

// norms scans the base once for the norms of its columns.
func (m *merged) norms() error {
	rows := m.Info().Shape[0]
	norms := make(lora.Norms, m.delta.Cols)
	step := max(1, (1<<20)/m.delta.Cols)
	for from := 0; from < rows; from += step {
		n := min(step, rows-from)
		vals, _, err := m.read(from, n)
		if err != nil {
			return err
		}
		m.delta.Scan(norms, vals, from, n)
	}
	m.delta.Finish(norms)
	return nil
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
