package engine

import (
	"context"
	"encoding/binary"

	"github.com/rouxml/roux/engine/cas"
	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/arena"
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
	for i := 0; i < n; {
		from, end := m[row+i], i+1
		for end < n && from != ops.None && m[row+end] == from+int32(end-i) {
			end++
		}
		dst := v.F32[i*cols : end*cols]
		if from == ops.None {
			clear(dst)
		} else if err := r.read(ctx, c, dst, int(from), end-i); err != nil {
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
