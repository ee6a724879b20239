package engine

import (
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/rouxml/roux/engine/cas"
	"github.com/rouxml/roux/tensor"
)

// stands is the record of what a run left in an output directory: enough to
// see that nothing has changed since, or which tensors can be taken over.
type stands struct {
	Root    cas.Key         `json:"root"`
	NaN     NaNPolicy       `json:"nan"`
	Files   map[string]seen `json:"files"`
	Tensors json.RawMessage `json:"tensors"` // name -> cas.Key; read only when something has changed
}

// seen is how a file looked right after it was written.
type seen struct {
	Size  int64     `json:"size"`
	MTime time.Time `json:"mtime"`
}

// previous is the last output in the same place, if it is still as roux left
// it. A nil *previous is one with nothing to offer.
type previous struct {
	keys   map[string]cas.Key
	model  *tensor.Model
	closer io.Closer
	reused int
}

// previous looks at what stands in an output's place. It is fresh when every
// byte would come out the same. Under another policy about NaN it offers
// nothing: zeros may stand where they were, or nobody asked to be told of them.
func (p *Plan) previous(ctx context.Context, w *write) (fresh bool, prev *previous, err error) {
	root, err := w.root(ctx)
	if err != nil {
		return false, nil, err
	}
	text, ok := p.opt.Cache.Record("output", w.path)
	if !ok {
		return false, nil, nil
	}
	var s stands
	if json.Unmarshal(text, &s) != nil || s.NaN != w.nan || !s.unchanged(w.path) {
		return false, nil, nil
	}
	if s.Root == root {
		return true, nil, nil
	}
	return false, w.reopen(ctx, s), nil
}

// reopen offers the tensors of an output that was written before.
func (w *write) reopen(ctx context.Context, s stands) *previous {
	if w.format.Open == nil {
		return nil
	}
	var keys map[string]cas.Key
	if json.Unmarshal(s.Tensors, &keys) != nil {
		return nil
	}
	model, closer, err := w.format.Open(ctx, w.path)
	if err != nil {
		return nil // what cannot be read is made again
	}
	return &previous{keys: keys, model: model, closer: closer}
}

// replace puts leaves on the previous output in place of cells that would come
// out the same.
func (v *previous) replace(ctx context.Context, cells []*cell) []*cell {
	if v == nil {
		return cells
	}
	out := make([]*cell, len(cells))
	for i, c := range cells {
		out[i] = c
		if t := v.tensor(ctx, c); t != nil {
			out[i] = &cell{info: c.info, leaf: t}
			v.reused++
		}
	}
	return out
}

func (v *previous) tensor(ctx context.Context, c *cell) tensor.Tensor {
	key, err := c.key(ctx)
	if old, ok := v.keys[c.info.Name]; err != nil || !ok || old != key {
		return nil
	}
	t, ok := v.model.Weights.Tensor(c.info.Name)
	if !ok || !alike(t.Info().Quant, c.info.Quant) || t.Info().DType != c.info.DType || !t.Info().Shape.Equal(c.info.Shape) {
		return nil
	}
	return t
}

// alike says whether two tensors are stored in one way, plain or quantized.
func alike(a, b *tensor.Quant) bool {
	return a == nil && b == nil || a != nil && b != nil && *a == *b
}

func (v *previous) count() int {
	if v == nil {
		return 0
	}
	return v.reused
}

func (v *previous) close() {
	if v != nil {
		_ = v.closer.Close() // read-only
	}
}

// root names everything that an output directory's weights depend on.
func (w *write) root(ctx context.Context) (cas.Key, error) {
	h := cas.NewHash("output 2").String(w.format.Name).Int(int64(w.format.Version)).Int(int64(w.out.ShardSize)).Bytes(w.node.model.Config).Bytes(w.node.model.Adapter)
	if w.out.NoCard {
		h.String("no card")
	}
	for _, f := range w.node.model.Files {
		h.String(f.Name).Bytes(f.Data).String(fileLook(f.Path))
	}
	keys, err := keysOf(ctx, w.cells)
	if err != nil {
		return cas.Key{}, err
	}
	for i, c := range w.cells {
		h.String(c.info.Name).Key(keys[i])
	}
	return h.Sum(), nil
}

// remember records what was just published. Without it the next run works
// again, so a failure is a warning.
func (p *Plan) remember(ctx context.Context, w *write) {
	text, err := w.record(ctx)
	if err == nil {
		err = p.opt.Cache.PutRecord("output", w.path, text)
	}
	if err != nil {
		p.opt.emit(Warning{Text: "cannot remember what stands in " + w.path + ": " + err.Error()})
	}
}

func (w *write) record(ctx context.Context) ([]byte, error) {
	root, err := w.root(ctx)
	if err != nil {
		return nil, err
	}
	keys, err := keysOf(ctx, w.cells)
	if err != nil {
		return nil, err
	}
	named := make(map[string]cas.Key, len(keys))
	for i, c := range w.cells {
		named[c.info.Name] = keys[i]
	}
	tensors, err := json.Marshal(named)
	if err != nil {
		return nil, err
	}
	files, err := look(w.path)
	if err != nil {
		return nil, err
	}
	return json.Marshal(stands{Root: root, NaN: w.nan, Files: files, Tensors: tensors})
}

// unchanged says whether all files that were written stand as they were; what
// else lies beside them is not roux's.
func (s stands) unchanged(dir string) bool {
	now, err := look(dir)
	if err != nil {
		return false
	}
	for name, f := range s.Files {
		if g, ok := now[name]; !ok || g.Size != f.Size || !g.MTime.Equal(f.MTime) {
			return false
		}
	}
	return true
}

// look lists the files below a directory.
func look(dir string) (map[string]seen, error) {
	files := map[string]seen{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		files[filepath.ToSlash(name)] = seen{info.Size(), info.ModTime()}
		return err
	})
	return files, err
}
