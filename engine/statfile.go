package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/rouxml/roux/engine/calib"
	"github.com/rouxml/roux/engine/cas"
	"github.com/rouxml/roux/loaders"
	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/recipes"
	"github.com/rouxml/roux/tensor/kernel"
)

// statFile is an output that holds what the layers of a model met: a file.
type statFile struct {
	out   recipes.Output
	calib *calibration
	path  string // absolute
}

// addStatFile lays out an output of statistics, and shares a calibration with
// the steps over the same model and data.
func (p *Plan) addStatFile(ctx context.Context, out recipes.Output) error {
	place := func(err error) error { return fmt.Errorf("%s: output %s: %w", out.Pos, out.Name, err) }
	n, ok := p.nodes[out.From.Name]
	if !ok {
		return place(fmt.Errorf("%q yields no model", out.From.Name))
	}
	if p.opt.Encode == nil {
		return place(errors.New("this program writes no statistics"))
	}
	c, err := p.calibration(ctx, n, out.Calibrate.Name, nil)
	if err != nil {
		return place(err)
	}
	for i, l := range c.linears {
		if !c.tells(l) {
			continue
		}
		if err := c.ask(i, ops.Squares); err != nil {
			return place(err)
		}
	}
	if err := c.affordable(p.run.opt.Memory); err != nil {
		return place(err)
	}
	path, err := filepath.Abs(out.Path)
	p.files = append(p.files, &statFile{out: out, calib: c, path: path})
	return err
}

// key names all that the file's bytes depend on.
func (f *statFile) key(ctx context.Context) (cas.Key, error) {
	k, err := f.calib.key(ctx)
	return cas.NewHash("statistics file 2").String(filepath.Ext(f.path)).String(f.calib.data.data.Name).Key(k).Sum(), err
}

// weights counts what the file tells about.
func (f *statFile) weights() (n int) {
	for _, l := range f.calib.linears {
		if f.calib.tells(l) {
			n += len(l.Weights)
		}
	}
	return n
}

// tells says whether a file of statistics has anything of an input: not of a tied
// head, nor of one that the importance matrix lacks which is written anew, as
// those lack it that llama-imatrix makes unless it is told to process the output.
func (c *calibration) tells(l calib.Linear) bool {
	names := calib.Names(l.Layer, l.Name, len(l.Weights), l.Tied)
	if l.Name != calib.Head || names == nil || !c.given() {
		return names != nil
	}
	_, has := c.data.data.Importance.Entries[names[0]]
	return has
}

// standing says whether the file is as the last run left it, and whether that
// would write the same.
func (p *Plan) standing(ctx context.Context, f *statFile) (own, fresh bool, err error) {
	key, err := f.key(ctx)
	if err != nil {
		return false, false, err
	}
	var s stands
	text, ok := p.opt.Cache.Record("output", f.path)
	own = ok && json.Unmarshal(text, &s) == nil && s.unchanged(f.path)
	return own, own && s.Root == key, nil
}

// storeFile writes an output of statistics.
func (p *Plan) storeFile(ctx context.Context, f *statFile) error {
	own, fresh, err := p.standing(ctx, f)
	if err != nil {
		return err
	}
	done := OutputDone{Output: f.out.Name, Path: f.out.Path, Tensors: f.weights(), Fresh: fresh}
	if fresh {
		if info, err := os.Stat(f.path); err == nil {
			done.Bytes = info.Size()
		}
		p.opt.emit(done)
		return nil
	}
	may := loaders.StageOptions{Force: p.opt.Force, Protect: p.protect}
	if err := loaders.MayWriteFile(f.path, own, may); err != nil {
		return err
	}
	all, err := p.statistics(ctx, f.calib)
	if err != nil {
		return err
	}
	content, err := p.opt.Encode(f.path, all)
	if err != nil {
		return err
	}
	if err := loaders.WriteFile(f.path, content, own, may); err != nil {
		return err
	}
	if err := p.rememberFile(ctx, f); err != nil {
		p.opt.emit(Warning{Text: "cannot remember what stands in " + f.path + ": " + err.Error()})
	}
	done.Bytes = int64(len(content))
	p.opt.emit(done)
	return nil
}

func (p *Plan) rememberFile(ctx context.Context, f *statFile) error {
	key, err := f.key(ctx)
	if err != nil {
		return err
	}
	files, err := look(f.path)
	if err != nil {
		return err
	}
	text, err := json.Marshal(stands{Root: key, Files: files})
	if err != nil {
		return err
	}
	return p.opt.Cache.PutRecord("output", f.path, text)
}

// fileSummary says what a run would do about an output of statistics.
func (p *Plan) fileSummary(ctx context.Context, f *statFile) (OutputSummary, error) {
	_, fresh, err := p.standing(ctx, f)
	o := OutputSummary{Name: f.out.Name, Path: filepath.Dir(f.out.Path), Format: f.out.Format, Fresh: fresh, Why: "up to date", Tensors: f.weights()}
	if err != nil {
		return o, err
	}
	o.Bytes, err = p.fileSize(f)
	o.Files = []loaders.FileSize{{Name: filepath.Base(f.out.Path), Bytes: o.Bytes}}
	if err != nil || fresh {
		return o, err
	}
	o.Why = "to be written"
	if !f.calib.given() {
		want, err := p.run.lacking(ctx, f.calib)
		if err != nil {
			return o, err
		}
		if want != nil {
			o.Why += fmt.Sprintf(", after a run of %s over %s", f.calib.model.name, f.calib.data.data.Name)
		}
	}
	return o, nil
}

// fileSize is that of the file when it is written, which the numbers in it do
// not change: those of one token that was zero everywhere are as long.
func (p *Plan) fileSize(f *statFile) (int64, error) {
	all := Statistics{Model: f.calib.model.name, Data: f.calib.data.data.Name}
	for _, l := range f.calib.linears {
		if !f.calib.tells(l) {
			continue
		}
		all.Inputs = append(all.Inputs, &ops.Stats{Layer: l.Layer, Input: l.Name, Expert: l.Expert, Weights: l.Weights, Samples: 1, Seen: 1, Rows: 1, Tied: l.Tied,
			SquaresOnly: true, Columns: &kernel.Columns{Squares: make([]float64, l.Width)}})
	}
	content, err := p.opt.Encode(f.path, all)
	return int64(len(content)), err
}
