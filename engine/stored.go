package engine

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"runtime"

	"github.com/rouxml/roux/engine/cas"
	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/arena"
	"github.com/rouxml/roux/tensor/codec"
)

// storedFile is an open entry of the cache, kept open for the whole run so
// that trimming or deleting the cache cannot pull it away.
type storedFile struct{ *cas.File }

// stored opens what the cache holds for a cell, computing it if need be.
func (r *run) stored(ctx context.Context, c *cell) (io.ReaderAt, error) {
	key, err := c.key(ctx)
	if err != nil {
		return nil, err
	}
	if f, first := r.opened(key); f != nil {
		if first && !c.act.run.finished() {
			r.hits.Add(1) // it lay there before this run
		}
		return f, nil
	}
	if err := r.materialise(ctx, c.act); err != nil {
		return nil, err
	}
	if f, _ := r.opened(key); f != nil {
		return f, nil
	}
	return nil, fmt.Errorf("the cache lost tensor %s just after it was stored: is another program clearing %s?", c.info.Name, r.opt.Cache.Dir())
}

// opened returns the open entry of a key, or nil when the cache lacks it, and
// whether it was opened just now.
func (r *run) opened(key cas.Key) (f *storedFile, first bool) {
	r.openMu.Lock()
	defer r.openMu.Unlock()
	id := key.String()
	if f, ok := r.open[id]; ok {
		return f, false
	}
	got, ok := r.opt.Cache.Get(key)
	if !ok {
		return nil, false
	}
	r.open[id] = &storedFile{got}
	return r.open[id], true
}

// close lets go of all entries and of all memory.
func (r *run) close() {
	r.leases.close()
	r.arena.Close()
	r.openMu.Lock()
	defer r.openMu.Unlock()
	for id, f := range r.open {
		_ = f.Close() // read-only
		delete(r.open, id)
	}
}

// held says whether all outputs of an action lie in the cache.
func (r *run) held(ctx context.Context, a *action) (bool, error) {
	for i := range a.pass.Unit.Out {
		key, err := (&cell{act: a, out: i}).key(ctx)
		if err != nil {
			return false, err
		}
		if _, ok := r.opt.Cache.Lookup(key); !ok {
			return false, nil
		}
	}
	return true, nil
}

// intact says whether all outputs of an action lie in the cache with the right
// bytes, and opens them. What is damaged is gone then.
func (r *run) intact(ctx context.Context, a *action) (bool, error) {
	for i := range a.pass.Unit.Out {
		key, err := (&cell{act: a, out: i}).key(ctx)
		if err != nil {
			return false, err
		}
		if f, _ := r.opened(key); f == nil {
			return false, nil
		}
	}
	return true, nil
}

// materialise puts an action's outputs into the cache. A sequential calibration
// materialises its step's actions itself: it must not be waited for by one who
// keeps others from doing the same.
func (r *run) materialise(ctx context.Context, a *action) error {
	ok, err := r.intact(ctx, a)
	if err == nil && !ok {
		err = r.equipped(ctx, a)
	}
	if err != nil {
		return err
	}
	return a.run.do(ctx, func(ctx context.Context) error {
		if ok, err := r.intact(ctx, a); err != nil || ok {
			r.hits.Add(1)
			return err
		}
		if a.node.op.Whole != nil {
			return r.whole(ctx, a)
		}
		return r.keep(ctx, a, 0, func(row, n int, dst []byte) error {
			c := &cell{info: a.pass.Out(), act: a}
			return r.computeBytes(ctx, c, dst, row, n)
		})
	})
}

// computeBytes is bytes for a stored row action, past its own cache entry.
func (r *run) computeBytes(ctx context.Context, c *cell, dst []byte, row, n int) error {
	if c.info.Quant != nil {
		return r.compute(ctx, c.act, nil, dst, row, n)
	}
	vals := arena.Get[float32](r.arena, n*c.info.Shape.Cols())
	defer arena.Put(r.arena, vals)
	if err := r.compute(ctx, c.act, vals, nil, row, n); err != nil {
		return err
	}
	return codec.FromF32(dst, vals, c.info.DType)
}

// largeWorkspace is from how many bytes on a whole kernel's garbage is collected
// as soon as it has run. At its own pace the collector would let several times
// the budget grow between two rounds, all of it fresh memory; so the next kernel
// finds what this one touched.
const largeWorkspace = 16 << 20

// whole loads all operands, runs a whole kernel and keeps what it made.
func (r *run) whole(ctx context.Context, a *action) error {
	pass, err := r.passOf(ctx, a)
	if err != nil {
		return err
	}
	in := make([]ops.Matrix, len(a.in))
	for i, c := range a.in {
		in[i] = ops.Matrix{Info: c.info.Plain(), Data: arena.Get[float32](r.arena, c.info.Shape.Numel())}
		defer arena.Put(r.arena, in[i].Data)
		if err := r.readAll(ctx, c, in[i].Data); err != nil {
			return err
		}
	}
	out := make([]ops.Matrix, len(a.pass.Unit.Out))
	for i, info := range a.pass.Unit.Out {
		out[i] = ops.Matrix{Info: info, Data: arena.Get[float32](r.arena, info.Shape.Numel())}
		defer arena.Put(r.arena, out[i].Data)
	}
	r.blocks.Add(1)
	err = a.node.op.Whole.Run(ctx, a.params, pass, in, out)
	if a.workspace() >= largeWorkspace {
		runtime.GC()
	}
	if err != nil {
		return a.node.place(a.pass.Out().Name, err)
	}
	for i, m := range out {
		err := r.keep(ctx, a, i, func(row, n int, dst []byte) error {
			cols := m.Info.Shape.Cols()
			return codec.FromF32(dst, m.Data[row*cols:(row+n)*cols], m.Info.DType)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *run) readAll(ctx context.Context, c *cell, dst []float32) error {
	part, cols := partitionOf(c.info.Shape), c.info.Shape.Cols()
	return r.crew.each(ctx, part.count, func(i int) error {
		row, n := part.span(i)
		return r.read(ctx, c, dst[row*cols:(row+n)*cols], row, n)
	})
}

// keep writes one output of an action into the cache, block by block.
func (r *run) keep(ctx context.Context, a *action, out int, fill func(row, n int, dst []byte) error) error {
	info := a.pass.Unit.Out[out]
	key, err := (&cell{act: a, out: out}).key(ctx)
	if err != nil {
		return err
	}
	w, err := r.opt.Cache.Create(key, info.Bytes(), a.node.op.Name+" "+info.Name)
	if err != nil {
		return err
	}
	pen := newPen(r.arena, r.ink)
	err = r.writeBlocks(ctx, info, pen, sheet{to: w, fail: func(err error) error { return err }}, fill)
	if err = cmp.Or(err, pen.wait()); err != nil {
		w.Abort()
		return err
	}
	return w.Commit()
}

// writeBytes is about how much is written at once.
const writeBytes = 1 << 20

// writeBlocks fills a tensor's stored form block by block, on all idle cores,
// and hands it to the pen, which may be at it still when this returns.
func (r *run) writeBlocks(ctx context.Context, info tensor.Info, p *pen, form sheet, fill func(row, n int, dst []byte) error) error {
	part, size := partitionOf(info.Shape), info.RowBytes()
	if part.count == 0 {
		return nil
	}
	blocks := max(1, writeBytes/(part.per*size))
	return r.crew.each(ctx, (part.count+blocks-1)/blocks, func(i int) error {
		first, _ := part.span(i * blocks)
		end := min(first+blocks*part.per, part.rows)
		raw := arena.Get[byte](r.arena, (end-first)*size)
		for row := first; row < end; row += part.per {
			n := min(part.per, end-row)
			if err := fill(row, n, raw[(row-first)*size:(row-first+n)*size]); err != nil {
				arena.Put(r.arena, raw)
				return err
			}
		}
		s := form
		s.at, s.raw = int64(first)*int64(size), raw
		return p.write(s)
	})
}
