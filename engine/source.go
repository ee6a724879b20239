package engine

import (
	"context"
	"io"
	"sync"

	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/arena"
)

// source shows a node's cells as a model's weights: what is read is computed
// then, and nothing of it is kept. It lives as long as the call that it was
// made for.
type source struct {
	on      *run
	ctx     context.Context
	node    *node
	infos   []tensor.Info
	reading *reading
}

func (r *run) source(ctx context.Context, n *node, progress *reading) *source {
	return &source{on: r, ctx: ctx, node: n, infos: n.header.Infos, reading: progress}
}

// Infos lists the headers of all cells.
func (s *source) Infos() []tensor.Info { return s.infos }

// Tensor returns a cell: as it lies in memory, if it does.
func (s *source) Tensor(name string) (tensor.Tensor, bool) {
	c, ok := s.node.index[name]
	if !ok {
		return nil, false
	}
	w := weight{s, c}
	if mapped, ok := c.leaf.(tensor.Mapped); ok && c.cast == nil {
		return mappedWeight{w, mapped}, true
	}
	return w, true
}

// weight is one cell as a tensor.
type weight struct {
	of   *source
	cell *cell
}

// Info returns the cell's header.
func (w weight) Info() tensor.Info { return w.cell.info }

// ReadAt computes the rows that hold the bytes asked for.
func (w weight) ReadAt(p []byte, off int64) (int, error) {
	info := w.cell.info
	size, total := int64(info.RowBytes()), info.Bytes()
	if off >= total || size == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), total-off)
	first, end := off/size, (off+n+size-1)/size
	var err error
	if off == first*size && n == (end-first)*size {
		err = w.rows(p[:n], int(first), int(end))
	} else {
		raw := arena.Get[byte](w.of.on.arena, int((end-first)*size))
		defer arena.Put(w.of.on.arena, raw)
		if err = w.rows(raw, int(first), int(end)); err == nil {
			copy(p[:n], raw[off-first*size:])
		}
	}
	if err != nil {
		return 0, err
	}
	if n == total {
		w.of.reading.read(w.of.node.name, info)
	}
	if n < int64(len(p)) {
		return int(n), io.EOF
	}
	return int(n), nil
}

// rows fills dst with the stored form of rows, block by block, on idle cores.
func (w weight) rows(dst []byte, first, end int) error {
	r, info := w.of.on, w.cell.info
	part, size := partitionOf(info.Shape), info.RowBytes()
	from, to := first/part.per, (end+part.per-1)/part.per
	return r.crew.each(w.of.ctx, to-from, func(i int) error {
		row, n := part.span(from + i)
		last := min(row+n, end)
		row = max(row, first)
		return r.bytes(w.of.ctx, w.cell, dst[(row-first)*size:(last-first)*size], row, last-row, nil)
	})
}

// mappedWeight is a cell that lies in memory.
type mappedWeight struct {
	weight
	mapped tensor.Mapped
}

// Bytes returns the stored form.
func (w mappedWeight) Bytes() []byte {
	w.of.reading.read(w.of.node.name, w.cell.info)
	return w.mapped.Bytes()
}

// reading counts the tensors that an evaluation has read a first time.
type reading struct {
	opt   Options
	mu    sync.Mutex
	seen  map[string]bool
	tally *tally
}

func newReading(o Options, step string, cells []*cell) *reading {
	t := &tally{now: TaskDone{Step: "run " + step, Total: len(cells)}}
	for _, c := range cells {
		t.now.TotalBytes += c.info.Bytes()
	}
	return &reading{opt: o, seen: map[string]bool{}, tally: t}
}

// read counts a tensor.
func (r *reading) read(model string, info tensor.Info) {
	name := model + " " + info.Name
	r.mu.Lock()
	first := !r.seen[name]
	r.seen[name] = true
	r.mu.Unlock()
	if first {
		r.tally.add(r.opt, info.Name, info.Bytes())
	}
}
