package engine

import (
	"context"
	"fmt"
	"io"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/arena"
	"github.com/rouxml/roux/tensor/codec"
)

// read fills dst with rows of a cell as float32, pulling them through
// whatever computes them. The values are those that the cell's dtype can hold.
func (r *run) read(ctx context.Context, c *cell, dst []float32, row, n int) error {
	switch {
	case c.parts != nil:
		cols := c.info.Shape.Cols()
		return c.each(row, n, func(of *cell, row, n, at int) error {
			return r.read(ctx, of, dst[at*cols:(at+n)*cols], row, n)
		})
	case c.cast != nil:
		if err := r.read(ctx, c.cast, dst, row, n); err != nil {
			return err
		}
		codec.Round(dst, c.info.DType)
		return nil
	case c.leaf != nil:
		return r.decode(c.leaf, c.info, dst, row, n)
	case c.act.stored:
		f, err := r.stored(ctx, c)
		if err != nil {
			return err
		}
		return r.decode(f, c.info, dst, row, n)
	}
	if err := r.compute(ctx, c.act, dst, nil, row, n); err != nil {
		return err
	}
	if c.info.Quant == nil {
		codec.Round(dst, c.info.DType)
	}
	return nil
}

// decode reads stored rows and widens them.
func (r *run) decode(t io.ReaderAt, info tensor.Info, dst []float32, row, n int) error {
	size := info.RowBytes()
	raw := arena.Get[byte](r.arena, n*size)
	defer arena.Put(r.arena, raw)
	if err := readFull(t, raw, int64(row)*int64(size)); err != nil {
		return fmt.Errorf("tensor %s: %w", info.Name, err)
	}
	return codec.DecodeRows(dst, raw, info)
}

func readFull(t io.ReaderAt, p []byte, off int64) error {
	n, err := t.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// bytes fills dst with rows of a cell in their stored form, and hands the
// values to see on the way when it is not nil.
func (r *run) bytes(ctx context.Context, c *cell, dst []byte, row, n int, see func([]float32) bool) error {
	if c.parts != nil {
		size := c.info.RowBytes()
		return c.each(row, n, func(of *cell, row, n, at int) error {
			return r.bytes(ctx, of, dst[at*size:(at+n)*size], row, n, see)
		})
	}
	if c.info.Quant != nil || !c.info.DType.IsFloat() {
		return r.rawBytes(ctx, c, dst, row, n)
	}
	vals := arena.Get[float32](r.arena, n*c.info.Shape.Cols())
	defer arena.Put(r.arena, vals)
	if c.cast != nil {
		if err := r.read(ctx, c.cast, vals, row, n); err != nil {
			return err
		}
	} else if c.leaf != nil || c.act.stored {
		if err := r.rawBytes(ctx, c, dst, row, n); err != nil {
			return err
		}
		if err := codec.DecodeRows(vals, dst, c.info); err != nil {
			return err
		}
		if see == nil || !see(vals) {
			return nil
		}
		return codec.FromF32(dst, vals, c.info.DType)
	} else if err := r.compute(ctx, c.act, vals, nil, row, n); err != nil {
		return err
	}
	if see != nil && codec.Overflow(vals, c.info.DType) {
		see(vals)
	}
	return codec.FromF32(dst, vals, c.info.DType)
}

// rawBytes reads stored rows without looking at the values.
func (r *run) rawBytes(ctx context.Context, c *cell, dst []byte, row, n int) error {
	off := int64(row) * int64(c.info.RowBytes())
	switch {
	case c.parts != nil:
		return r.bytes(ctx, c, dst, row, n, nil)
	case c.leaf != nil:
		if err := readFull(c.leaf, dst, off); err != nil {
			return fmt.Errorf("tensor %s: %w", c.info.Name, err)
		}
		return nil
	case c.act.stored:
		f, err := r.stored(ctx, c)
		if err != nil {
			return err
		}
		return readFull(f, dst, off)
	case c.info.Quant != nil:
		return r.compute(ctx, c.act, nil, dst, row, n)
	}
	return r.bytes(ctx, c, dst, row, n, nil)
}

// compute runs a row kernel over rows of its operands. Plain outputs go to
// dst, unrounded; quantized ones to rec, and decoded to dst if it is given.
func (r *run) compute(ctx context.Context, a *action, dst []float32, rec []byte, row, n int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	pass, err := r.passOf(ctx, a)
	if err != nil {
		return err
	}
	info := pass.Out()
	l := r.leases.get()
	defer r.leases.put(l)
	b, err := r.load(ctx, l, a, row, n)
	if err != nil {
		return err
	}
	b.Cols = info.Shape.Cols()
	b.Out = dst
	if info.Quant != nil {
		b.Rec = rec
		if rec == nil {
			b.Rec = l.bytes.take(n * info.RowBytes())
		}
	}
	r.blocks.Add(1)
	if err := a.rows(pass, b); err != nil {
		return a.node.place(info.Name, err)
	}
	if info.Quant != nil && dst != nil {
		return codec.DecodeRows(dst, b.Rec, info)
	}
	return nil
}

// passOf returns the action's pass with its statistics and its state, making
// them if nobody has.
func (r *run) passOf(ctx context.Context, a *action) (*ops.Pass, error) {
	if err := r.equipped(ctx, a); err != nil {
		return nil, err
	}
	if a.group == nil {
		return a.pass, nil
	}
	if err := r.prepare(ctx, a.group, nil); err != nil {
		return nil, err
	}
	return a.pass, nil
}
