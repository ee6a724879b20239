package safetensors

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/rouxml/roux/loaders"
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/codec"
)

// Unpacked is a compressed-tensors model as a tensor.Source: where several
// stored tensors hold codes, scales and zero points, it gives one quantized
// tensor whose bytes are the records of tensor.Quant. All else goes through.
type Unpacked struct {
	src   tensor.Source
	infos []tensor.Info
	parts map[string]*unpacked
}

// Unpack finds the quantized tensors of a model that has one scheme. Beside
// headers it reads the shapes, of 16 bytes each.
func Unpack(src tensor.Source, q tensor.Quant) (*Unpacked, error) {
	u := &Unpacked{src: src, parts: map[string]*unpacked{}}
	suffix := "_packed"
	if !packed(q) {
		suffix = ""
	}
	for _, info := range src.Infos() {
		name, codes := strings.CutSuffix(info.Name, suffix)
		_, scaled := src.Tensor(name + "_scale")
		switch {
		case codes && scaled:
			t, err := unpack(src, name, q)
			if err != nil {
				return nil, err
			}
			u.parts[name], u.infos = t, append(u.infos, t.info)
		case !u.partOf(info.Name, suffix):
			u.infos = append(u.infos, info)
		}
	}
	return u, nil
}

// partOf says whether a tensor belongs to the codes of another.
func (u *Unpacked) partOf(name, suffix string) bool {
	for _, end := range []string{"_scale", "_shape", "_zero_point"} {
		if base, ok := strings.CutSuffix(name, end); ok {
			if _, ok := u.src.Tensor(base + suffix); ok {
				return true
			}
		}
	}
	return false
}

// Infos lists the headers in the order of what is stored.
func (u *Unpacked) Infos() []tensor.Info { return u.infos }

// Tensor returns a tensor by name.
func (u *Unpacked) Tensor(name string) (tensor.Tensor, bool) {
	if t, ok := u.parts[name]; ok {
		return t, true
	}
	if u.partOf(name, "_packed") || strings.HasSuffix(name, "_packed") {
		return nil, false
	}
	return u.src.Tensor(name)
}

// unpacked is one quantized tensor.
type unpacked struct {
	info                tensor.Info
	codes, scale, zeros tensor.Tensor // zeros is nil in a symmetric scheme
	all                 []tensor.Tensor
}

func unpack(src tensor.Source, name string, q tensor.Quant) (*unpacked, error) {
	if !packed(q) && !q.Symmetric {
		return nil, fmt.Errorf("tensor %s: asymmetric int-quantized tensors cannot be read", name)
	}
	scale, _ := src.Tensor(name + "_scale")
	t := &unpacked{info: tensor.Info{Name: name, DType: scale.Info().DType, Quant: &q}, scale: scale}
	var err error
	if t.info.Shape, err = logicalShape(src, name, q); err != nil {
		return nil, err
	}
	wanted, err := physical(t.info)
	if err != nil {
		return nil, err
	}
	for _, want := range wanted {
		got, ok := src.Tensor(want.Name)
		if !ok || got.Info().DType != want.DType || !got.Info().Shape.Equal(want.Shape) {
			return nil, fmt.Errorf("tensor %s does not fit %s of shape %v: want %v %v", want.Name, q, t.info.Shape, want.DType, want.Shape)
		}
		t.all = append(t.all, got)
	}
	t.codes = t.all[0]
	if !q.Symmetric {
		t.zeros = t.all[len(t.all)-1]
	}
	if !t.info.DType.IsFloat() {
		return nil, fmt.Errorf("tensor %s has scales of %v", name, t.info.DType)
	}
	return t, nil
}

// logicalShape is the shape of the codes, which packing hides.
func logicalShape(src tensor.Source, name string, q tensor.Quant) (tensor.Shape, error) {
	if !packed(q) {
		codes, _ := src.Tensor(name)
		return codes.Info().Shape, nil
	}
	s, ok := src.Tensor(name + "_shape")
	if !ok || s.Info().Bytes() != 16 {
		return nil, fmt.Errorf("tensor %s_shape is missing or does not hold two numbers", name)
	}
	var b [16]byte
	if n, err := s.ReadAt(b[:], 0); n < len(b) {
		return nil, fmt.Errorf("tensor %s_shape: %w", name, err)
	}
	rows, cols := binary.LittleEndian.Uint64(b[:]), binary.LittleEndian.Uint64(b[8:])
	if rows >= 1<<31 || cols >= 1<<31 {
		return nil, fmt.Errorf("tensor %s_shape says %d x %d", name, rows, cols)
	}
	shape := tensor.Shape{int(rows), int(cols)}
	return shape, shape.Check()
}

// Info returns the header.
func (t *unpacked) Info() tensor.Info { return t.info }

// ID joins those of the parts.
func (t *unpacked) ID(ctx context.Context) (string, error) {
	var ids []string
	for _, part := range t.all {
		x, ok := part.(tensor.Identified)
		if !ok {
			return "", fmt.Errorf("tensor %s cannot be identified", part.Info().Name)
		}
		id, err := x.ID(ctx)
		if err != nil {
			return "", err
		}
		ids = append(ids, id)
	}
	return strings.Join(ids, "; "), nil
}

// unpackRows bounds how many rows are unpacked at once.
const unpackRows = 64

// ReadAt reads bytes of the records.
func (t *unpacked) ReadAt(p []byte, off int64) (int, error) {
	return loaders.ReadRange(t.info, p, off, func(p []byte, off int64) error {
		row, end := int64(t.info.RowBytes()), off+int64(len(p))
		for done := 0; done < len(p); {
			first := (off + int64(done)) / row
			n := min(unpackRows, (end+row-1)/row-first)
			records := make([]byte, n*row)
			if err := t.unpack(records, int(first), int(n)); err != nil {
				return err
			}
			done += copy(p[done:], records[off+int64(done)-first*row:])
		}
		return nil
	})
}

// unpack fills n records from a row on.
func (t *unpacked) unpack(dst []byte, row, n int) error {
	cols, groups, q := t.info.Shape[1], t.info.Quant.Groups(t.info.Shape[1]), *t.info.Quant
	width := t.codes.Info().RowBytes()
	codes, err := readRows(t.codes, row, n)
	if err != nil {
		return err
	}
	raw, err := readRows(t.scale, row, n)
	if err != nil {
		return err
	}
	scales := make([]float32, n*groups)
	if err := codec.ToF32(scales, raw, t.info.DType); err != nil {
		return err
	}
	for i := range n {
		r := codec.RecordAt(dst, i, cols, q)
		line := codes[i*width:]
		for j := range cols {
			r.SetCode(j, codeAt(line, j, q))
		}
		for g := range groups {
			r.SetScale(g, scales[i*groups+g])
		}
	}
	return t.unpackZeros(dst, row, n)
}

// codeAt takes a code out of a row.
func codeAt(line []byte, j int, q tensor.Quant) int8 {
	if !packed(q) {
		return int8(line[j])
	}
	per, mask := 8/q.Bits, 1<<q.Bits-1
	return int8(int(line[j/per]>>(q.Bits*(j%per)))&mask - 1<<(q.Bits-1))
}

// unpackZeros takes zero points out of the words that rows share.
func (t *unpacked) unpackZeros(dst []byte, row, n int) error {
	if t.zeros == nil || n == 0 {
		return nil
	}
	cols, groups, q := t.info.Shape[1], t.info.Quant.Groups(t.info.Shape[1]), *t.info.Quant
	per, mask := 32/q.Bits, 1<<q.Bits-1
	first := row / per
	words, err := readRows(t.zeros, first, (row+n-1)/per-first+1)
	if err != nil {
		return err
	}
	for i := range n {
		r := codec.RecordAt(dst, i, cols, q)
		for g := range groups {
			word := binary.LittleEndian.Uint32(words[4*(((row+i)/per-first)*groups+g):])
			r.SetZero(g, int8(int(word>>(q.Bits*((row+i)%per)))&mask-1<<(q.Bits-1)))
		}
	}
	return nil
}

func readRows(t tensor.Tensor, row, n int) ([]byte, error) {
	size := t.Info().RowBytes()
	b := make([]byte, n*size)
	got, err := t.ReadAt(b, int64(row)*int64(size))
	if got < len(b) {
		return nil, fmt.Errorf("tensor %s: %w", t.Info().Name, errors.Join(err, io.ErrUnexpectedEOF))
	}
	return b, nil
}
