package engine

import (
	"context"
	"fmt"

	"github.com/rouxml/roux/engine/cas"
	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/tensor"
)

// part is a run of rows of another cell.
type part struct {
	cell      *cell
	row, rows int
}

// picked returns the cell that a pick stands for.
func (n *node) picked(pick ops.Pick) (*cell, error) {
	if pick.Pieces == nil {
		c, err := n.operandOf(pick.From)
		if err != nil {
			return nil, err
		}
		return c.as(pick.Name), nil
	}
	joined := &cell{info: tensor.Info{Name: pick.Name, Shape: pick.Shape}}
	total := 0
	for i, piece := range pick.Pieces {
		c, err := n.operandOf(piece.From)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			joined.info.DType, joined.info.Quant = c.info.DType, c.info.Quant
		}
		if err := joined.fits(c, piece); err != nil {
			return nil, err
		}
		joined.parts = append(joined.parts, part{c, piece.Row, piece.Rows})
		total += piece.Rows
	}
	if total != pick.Shape.Rows() {
		return nil, fmt.Errorf("%d rows were picked for tensor %s of %v", total, pick.Name, pick.Shape)
	}
	return joined, nil
}

func (n *node) operandOf(o ops.Operand) (*cell, error) {
	c, ok := n.ports[o.Port].index[o.Name]
	if !ok {
		return nil, fmt.Errorf("%s has no tensor %s", n.ports[o.Port].name, o.Name)
	}
	return c, nil
}

// fits refuses rows that do not exist or are stored in another way.
func (c *cell) fits(other *cell, p ops.Piece) error {
	switch o := other.info; {
	case o.Shape.Cols() != c.info.Shape.Cols() || p.Row < 0 || p.Rows < 0 || p.Row+p.Rows > o.Shape.Rows():
		return fmt.Errorf("%s of %v has no rows %d to %d of tensor %s of %v", o.Name, o.Shape, p.Row, p.Row+p.Rows, c.info.Name, c.info.Shape)
	case o.DType != c.info.DType || !alike(o.Quant, c.info.Quant):
		return fmt.Errorf("%s is stored in another dtype or scheme than what it is joined with in %s: use edit.cast before", o.Name, c.info.Name)
	}
	return nil
}

// each calls f for the runs of rows [row, row+n) that lie in one part, with
// where they stand in the part's cell and how far from row they begin.
func (c *cell) each(row, n int, f func(of *cell, row, n, at int) error) error {
	end, from := row+n, 0
	for _, p := range c.parts {
		lo, hi := max(row, from), min(end, from+p.rows)
		if lo < hi {
			if err := f(p.cell, p.row+lo-from, hi-lo, lo-row); err != nil {
				return err
			}
		}
		from += p.rows
	}
	return nil
}

// joinedKey covers the parts and the shape.
func (c *cell) joinedKey(ctx context.Context) (cas.Key, error) {
	h := hashInfo(cas.NewHash("joined"), c.info)
	for _, p := range c.parts {
		k, err := p.cell.key(ctx)
		if err != nil {
			return cas.Key{}, err
		}
		h.Key(k).Int(int64(p.row)).Int(int64(p.rows))
	}
	return h.Sum(), nil
}

// joined returns the jobs that reading the parts needs, each once.
func (s *schedule) joined(ctx context.Context, c *cell) ([]*job, error) {
	cells := make([]*cell, len(c.parts))
	for i, p := range c.parts {
		cells[i] = p.cell
	}
	return s.beneath(ctx, cells)
}

// joinedStream is the most that pulling a block of any part takes.
func (c *cell) joinedStream() (most int64) {
	for _, p := range c.parts {
		most = max(most, p.cell.stream())
	}
	return most
}
