package gguf

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/rouxml/roux/loaders"
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/codec"
)

// view is a tensor that is made of a stored one, some rows at a time.
type view struct {
	of   *loaders.Stored
	info tensor.Info
	what string // what was done, for the identity
	row  int64  // bytes of a row of the view: of its elements, if it is a vector
	unit int    // rows that are made at once
	fill func(dst []byte, row, n int) error
}

// Info returns the header.
func (v *view) Info() tensor.Info { return v.info }

// ID is that of the stored tensor and what was done to it.
func (v *view) ID(ctx context.Context) (string, error) {
	id, err := v.of.ID(ctx)
	return id + " " + v.what, err
}

// ReadAt reads bytes of the view.
func (v *view) ReadAt(p []byte, off int64) (int, error) {
	return loaders.ReadRange(v.info, p, off, v.produce)
}

// produce fills p, unit by unit.
func (v *view) produce(p []byte, off int64) error {
	var made []byte
	for done := 0; done < len(p); {
		first := (off + int64(done)) / v.row / int64(v.unit) * int64(v.unit)
		n := min(int64(v.unit), v.info.Bytes()/v.row-first)
		skip, whole := off+int64(done)-first*v.row, int(n*v.row)
		if skip == 0 && len(p)-done >= whole {
			if err := v.fill(p[done:done+whole], int(first), int(n)); err != nil {
				return err
			}
			done += whole
			continue
		}
		if made == nil {
			made = make([]byte, int64(v.unit)*v.row)
		}
		if err := v.fill(made[:whole], int(first), int(n)); err != nil {
			return err
		}
		done += copy(p[done:], made[skip:whole])
	}
	return nil
}

// permuted gives the rows, or the elements of a vector, in another order: row
// r is the stored row from(r). All rows of a unit lie, in any order, in as many
// rows that follow each other.
func permuted(t *loaders.Stored, what string, unit int, from func(row int) int) *view {
	size := t.Header.RowBytes()
	if len(t.Header.Shape) == 1 {
		size = t.Header.DType.Size()
	}
	v := &view{of: t, info: t.Header, what: what, row: int64(size), unit: unit}
	v.fill = func(dst []byte, row, n int) error {
		least := from(row)
		for r := row; r < row+n; r++ {
			least = min(least, from(r))
		}
		raw := make([]byte, n*size)
		if err := readFull(t, raw, int64(least)*int64(size)); err != nil {
			return err
		}
		for i := range n {
			at := (from(row+i) - least) * size
			copy(dst[i*size:(i+1)*size], raw[at:at+size])
		}
		return nil
	}
	return v
}

// lowered subtracts a number from every value.
func lowered(t *loaders.Stored, by float32) *view {
	info := t.Header.Plain()
	info.DType = tensor.F32
	v := &view{of: t, info: info, what: fmt.Sprint("less ", by), row: int64(info.RowBytes()), unit: 1}
	v.fill = func(dst []byte, row, n int) error {
		x, err := decode(t, int64(row)*int64(t.Header.RowBytes()), n*t.Header.RowBytes(), n*info.Shape.Cols())
		if err != nil {
			return err
		}
		for i := range x {
			x[i] -= by
		}
		return codec.FromF32(dst, x, tensor.F32)
	}
	return v
}

// decode reads so many bytes, which hold so many values.
func decode(t *loaders.Stored, off int64, bytes, values int) ([]float32, error) {
	raw, x := make([]byte, bytes), make([]float32, values)
	if err := readFull(t, raw, off); err != nil {
		return nil, err
	}
	part := t.Header
	part.Shape = tensor.Shape{values}
	return x, codec.DecodeRows(x, raw, part)
}

// transposed gives the transpose of a matrix, in float32.
func transposed(t *loaders.Stored) *view {
	rows, cols := t.Header.Shape[0], t.Header.Shape[1]
	info := tensor.Info{Name: t.Header.Name, DType: tensor.F32, Shape: tensor.Shape{cols, rows}}
	v := &view{of: t, info: info, what: "transposed", row: int64(info.RowBytes()), unit: 256} // whole blocks
	v.fill = func(dst []byte, row, n int) error {
		width := t.Header.RowBytes()
		first, bytes := row*t.Header.DType.Size(), n*t.Header.DType.Size()
		if q := t.Header.Quant; q != nil {
			first, bytes = q.RowBytes(row), q.RowBytes(n)
		}
		out := make([]float32, n*rows)
		for r := range rows {
			x, err := decode(t, int64(r)*int64(width)+int64(first), bytes, n)
			if err != nil {
				return err
			}
			for i, f := range x {
				out[i*rows+r] = f
			}
		}
		return codec.FromF32(dst, out, tensor.F32)
	}
	return v
}

func readFull(t *loaders.Stored, p []byte, off int64) error {
	n, err := t.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("tensor %s: %w", t.Header.Name, err)
}
