package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/rouxml/roux/loaders"
	"github.com/rouxml/roux/recipes"
	"github.com/rouxml/roux/tensor"
)

// write is one output of the recipe.
type write struct {
	out    recipes.Output
	node   *node
	format loaders.Format
	cells  []*cell
	path   string // absolute
	nan    NaNPolicy
}

// headersOnly is the Source that a format's writer sees: it has no bytes.
type headersOnly []tensor.Info

func (h headersOnly) Infos() []tensor.Info                     { return h }
func (h headersOnly) Tensor(name string) (tensor.Tensor, bool) { return nil, false }

// addWrite lays out an output and asks its format about every tensor.
func (p *Plan) addWrite(out recipes.Output) error {
	n, ok := p.nodes[out.From.Name]
	if !ok {
		return fmt.Errorf("%s: output %s: %q yields no model", out.Pos, out.Name, out.From.Name)
	}
	format, err := p.opt.Formats(out.Format)
	if err == nil && format.Create == nil {
		err = fmt.Errorf("format %s is only read: write safetensors, and convert that with the format's own tools", out.Format)
	}
	if err != nil {
		return fmt.Errorf("%s: output %s: %w", out.Pos, out.Name, err)
	}
	path, err := filepath.Abs(out.Path)
	if err != nil {
		return err
	}
	w := &write{out: out, node: n, format: format, path: path, nan: cmp.Or(p.opt.NaN, NaNPolicy(out.NaN), NaNKeep)}
	if w.cells, err = p.castAll(n, out); err != nil {
		return fmt.Errorf("%s: output %s: %w", out.Pos, out.Name, err)
	}
	if err := w.storable(); err != nil {
		return fmt.Errorf("%s: output %s: %w", out.Pos, out.Name, err)
	}
	if _, err := format.Files(w.model(), w.options()); err != nil {
		return fmt.Errorf("%s: output %s: %w", out.Pos, out.Name, err)
	}
	p.writes = append(p.writes, w)
	return nil
}

func (w *write) storable() error {
	var errs []error
	for _, c := range w.cells {
		if err := w.format.Stores(c.info); err != nil {
			errs = append(errs, fmt.Errorf("tensor %s: %w", c.info.Name, err))
		}
	}
	if len(errs) > 1 {
		return fmt.Errorf("%w (and %d other tensors)", errs[0], len(errs)-1)
	}
	return errors.Join(errs...)
}

func (w *write) infos() []tensor.Info {
	infos := make([]tensor.Info, len(w.cells))
	for i, c := range w.cells {
		infos[i] = c.info
	}
	return infos
}

func (w *write) bytes() int64 {
	var n int64
	for _, c := range w.cells {
		n += c.info.Bytes()
	}
	return n
}

// stored is how many bytes of weights the files will have: packed codes take
// less than the records that make them.
func (w *write) stored() (n int64) {
	files, err := w.format.Files(w.model(), w.options())
	if err != nil {
		return w.bytes() // Create will say what is wrong
	}
	for _, f := range files {
		n += f.Bytes
	}
	return n
}

// left is how many bytes of weights a directory holds: a format may have left
// out what turned out to be empty.
func (w *write) left(dir string) (n int64) {
	files, err := w.format.Files(w.model(), w.options())
	if err != nil {
		return w.stored()
	}
	for _, f := range files {
		if info, err := os.Stat(filepath.Join(dir, f.Name)); err == nil {
			n += min(f.Bytes, info.Size())
		}
	}
	return n
}

// model is what the format's writer sees.
func (w *write) model() *tensor.Model {
	m := *w.node.model
	m.Weights = headersOnly(w.infos())
	return &m
}

// store writes the output into a staging directory and publishes it.
func (p *Plan) store(ctx context.Context, w *write, progress func(*cell)) (err error) {
	fresh, previous, err := p.previous(ctx, w)
	if err != nil {
		return err
	}
	if fresh {
		p.opt.emit(OutputDone{Output: w.out.Name, Path: w.out.Path, Tensors: len(w.cells), Bytes: w.left(w.path), Fresh: true})
		for _, c := range w.cells {
			progress(c)
		}
		return nil
	}
	defer previous.close()
	stage, err := loaders.Stage(w.path, loaders.StageOptions{Force: p.opt.Force, Protect: p.protect})
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, stage.Discard())
		}
	}()
	sink, err := w.format.Create(stage.Dir(), w.model(), w.options())
	if err != nil {
		return err
	}
	if err := p.fill(ctx, w, sink, previous, progress); err != nil {
		return errors.Join(err, sink.Abort())
	}
	if err := sink.Commit(ctx); err != nil {
		return err
	}
	if err := p.provenance(ctx, w, stage.Dir()); err != nil {
		return err
	}
	if err := stage.Publish(); err != nil {
		return err
	}
	p.remember(ctx, w)
	p.opt.emit(OutputDone{Output: w.out.Name, Path: w.out.Path, Tensors: len(w.cells), Bytes: w.left(w.path), Reused: previous.count()})
	return nil
}

// fill computes all tensors of an output, in parallel over tensors and inside
// them, in the order in which they are stored.
func (p *Plan) fill(ctx context.Context, w *write, sink tensor.Sink, prev *previous, progress func(*cell)) error {
	if err := sink.Begin(ctx, w.infos()); err != nil {
		return err
	}
	sched, err := p.run.schedule(ctx, prev.replace(ctx, w.cells))
	if err != nil {
		return err
	}
	pen := newPen(p.run.arena, p.run.ink)
	err = sched.run(ctx, func(ctx context.Context, c *cell) error {
		to, err := sink.Writer(c.info.Name)
		if err != nil {
			return err
		}
		if err := p.put(ctx, w, c, pen, to); err != nil {
			return err
		}
		progress(c)
		return nil
	})
	return cmp.Or(err, pen.wait())
}

// put computes one tensor and has it written into its place.
func (p *Plan) put(ctx context.Context, w *write, c *cell, pen *pen, to io.WriterAt) error {
	watch := newWatch(w.nan)
	place := func(err error) error { return w.node.place(c.info.Name, err) }
	err := p.run.writeBlocks(ctx, c.info, pen, sheet{to: to, fail: place}, func(row, n int, dst []byte) error {
		return p.run.bytes(ctx, c, dst, row, n, watch.see)
	})
	if err == nil {
		err = watch.verdict(p.opt, c.info.Name)
	}
	return place(err)
}

// castAll applies an output's dtype to the float tensors of a node.
func (p *Plan) castAll(n *node, out recipes.Output) ([]*cell, error) {
	if out.DType == "" {
		return n.cells, nil
	}
	d, err := tensor.ParseDType(out.DType)
	if err != nil {
		return nil, err
	}
	cells := make([]*cell, len(n.cells))
	for i, c := range n.cells {
		cells[i] = c
		if c.info.DType.IsFloat() && c.info.DType != d && c.info.Quant == nil {
			info := c.info
			info.DType = d
			cells[i] = &cell{info: info, cast: c}
		}
	}
	return cells, nil
}
