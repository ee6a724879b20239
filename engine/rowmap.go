package engine

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/rouxml/roux/engine/cas"
	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/arena"
	"github.com/rouxml/roux/tensor/codec"
)

// rowMap returns the rows that stand for those of the output; nil for the same.
func (a *action) rowMap(operand int) ops.RowMap {
	if a.pass.Unit.Rows == nil {
		return nil
	}
	return a.pass.Unit.Rows[operand]
}

// shape is that of what a kernel sees: the output's when rows are mapped, else
// the first operand's.
func (a *action) shape() tensor.Shape {
	if a.pass.Unit.Rows != nil {
		return a.pass.Out().Shape
	}
	return a.in[0].info.Shape
}

// partition cuts the rows that a kernel sees into blocks.
func (a *action) partition() partition { return partitionOf(a.shape()) }

// hashRows covers a row map; without one it adds nothing.
func hashRows(h *cas.Hash, m ops.RowMap) {
	if m == nil {
		return
	}
	raw := make([]byte, 0, 4*len(m))
	for _, r := range m {
		raw = binary.LittleEndian.AppendUint32(raw, uint32(r))
	}
	h.Bytes(raw)
}

// gather reads the rows of a cell that stand for n rows of the output, runs of
// neighbours at once.
func (r *run) gather(ctx context.Context, l *lease, c *cell, v *ops.Values, m ops.RowMap, row, n int) error {
	if len(c.info.Shape) == 1 {
		return r.gatherElements(ctx, l, c, v, m)
	}
	cols := c.info.Shape.Cols()
	v.F32 = l.floats.take(n * cols)
	rows := m[row : row+n]
	if c.leaf != nil {
		return gatherStored(l, c, v.F32, rows)
	}
	return eachRun(rows, func(i, from, count int) error {
		dst := v.F32[i*cols : (i+count)*cols]
		if from < 0 {
			clear(dst)
			return nil
		}
		return r.read(ctx, c, dst, from, count)
	})
}

// gatherStored reads rows as they are stored and widens them all at once.
func gatherStored(l *lease, c *cell, dst []float32, rows ops.RowMap) error {
	size := c.info.RowBytes()
	raw := l.bytes.take(len(rows) * size)
	err := eachRun(rows, func(i, from, count int) error {
		part := raw[i*size : (i+count)*size]
		if from < 0 {
			clear(part)
			return nil
		}
		if err := readFull(c.leaf, part, int64(from)*int64(size)); err != nil {
			return fmt.Errorf("tensor %s: %w", c.info.Name, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := codec.DecodeRows(dst, raw, c.info); err != nil {
		return err
	}
	cols := c.info.Shape.Cols()
	for i, from := range rows {
		if from == ops.None {
			clear(dst[i*cols : (i+1)*cols]) // whatever zero bytes are in its form
		}
	}
	return nil
}

// eachRun calls f for runs of neighbouring rows, and for rows that are None.
func eachRun(rows ops.RowMap, f func(i, from, count int) error) error {
	for i := 0; i < len(rows); {
		from, end := rows[i], i+1
		for end < len(rows) && (from == ops.None && rows[end] == from || from != ops.None && rows[end] == from+int32(end-i)) {
			end++
		}
		if err := f(i, int(from), end-i); err != nil {
			return err
		}
		i = end
	}
	return nil
}

// gatherElements is gather for a vector, whose elements are its rows.
func (r *run) gatherElements(ctx context.Context, l *lease, c *cell, v *ops.Values, m ops.RowMap) error {
	whole := arena.Get[float32](r.arena, c.info.Shape.Numel())
	defer arena.Put(r.arena, whole)
	if err := r.read(ctx, c, whole, 0, 1); err != nil {
		return err
	}
	v.F32 = l.floats.take(len(m))
	for i, from := range m {
		v.F32[i] = 0
		if from != ops.None {
			v.F32[i] = whole[from]
		}
	}
	return nil
}
