package peft

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/rouxml/roux/loaders/safetensors"
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/codec"
	"github.com/rouxml/roux/tensor/lora"
)

// paddedName is the file that holds factors of the most ranks that there may
// be, until all of them are known.
const paddedName = "padded"

// split parts the records of an extraction from what an adapter stores.
func split(infos []tensor.Info) (kept, reports []tensor.Info) {
	for _, info := range infos {
		if n, err := lora.Split(info.Name); err == nil && n.Part == lora.Report {
			reports = append(reports, info)
		} else {
			kept = append(kept, info)
		}
	}
	return kept, reports
}

// trimmer stores an extraction as it comes, and at its end an adapter of it:
// without the ranks that are empty, without what did not change, and without
// the records that tell so.
type trimmer struct {
	tensor.Sink // of the padded file
	into        *configured
	model       *tensor.Model
}

// Commit reads the padded file back and writes the adapter.
func (t *trimmer) Commit(ctx context.Context) error {
	if err := t.Sink.Commit(ctx); err != nil {
		return err
	}
	path := filepath.Join(t.into.dir, paddedName+".safetensors")
	f, err := safetensors.Open(path)
	if err != nil {
		return err
	}
	if err := errors.Join(t.trim(ctx, f), f.Close()); err != nil {
		return errors.Join(err, t.into.Abort())
	}
	return os.Remove(path)
}

// Abort removes what was written.
func (t *trimmer) Abort() error {
	return errors.Join(t.Sink.Abort(), t.into.Abort())
}

func (t *trimmer) trim(ctx context.Context, f *safetensors.File) error {
	layout, err := lora.Read(t.model.Adapter, f.Infos())
	if err != nil {
		return err
	}
	cuts, err := t.cuts(f, layout)
	if err != nil {
		return err
	}
	if len(cuts) == 0 {
		return fmt.Errorf("both models are the same, or no singular value is above the threshold: there is nothing to store in an adapter")
	}
	if err := t.restate(layout, cuts); err != nil {
		return err
	}
	infos := make([]tensor.Info, len(cuts))
	for i, c := range cuts {
		infos[i] = c.to
	}
	if err := t.into.Begin(ctx, infos); err != nil {
		return err
	}
	for _, c := range cuts {
		if err := c.copy(f, t.into); err != nil {
			return fmt.Errorf("tensor %s: %w", c.to.Name, err)
		}
	}
	return t.into.Commit(ctx)
}

// restate brings the config in line with what is left.
func (t *trimmer) restate(layout *lora.Layout, cuts []cut) error {
	ranks := map[string]int{}
	kept := map[string]bool{}
	for _, c := range cuts {
		kept[c.to.Name] = true
		if c.part == lora.A {
			ranks[c.module] = c.to.Shape[0]
		}
	}
	var modules []lora.Module
	for _, m := range layout.Modules {
		if r, ok := ranks[m.Name]; ok {
			m.Rank = r
			modules = append(modules, m)
		}
	}
	var saved []string
	for _, s := range layout.Saved {
		if kept[s.Info.Name] {
			saved = append(saved, s.Name)
		}
	}
	var err error
	t.into.config, err = lora.Restate(t.model.Adapter, modules, saved, lora.BaseRoles(t.model.Roles))
	return err
}

// cut is one tensor of the padded file and what is kept of it.
type cut struct {
	from, to tensor.Info
	module   string
	part     lora.Part
}

func (t *trimmer) cuts(f *safetensors.File, layout *lora.Layout) ([]cut, error) {
	var cuts []cut
	kept, _ := split(f.Infos())
	for _, info := range kept {
		n, err := lora.Split(info.Name)
		if err != nil {
			return nil, err
		}
		c := cut{from: info, to: info, module: n.Module, part: n.Part}
		subject := n.Module
		if n.Part != lora.Whole {
			subject += ".weight"
		}
		r, ok, err := record(f, layout, subject)
		if err != nil {
			return nil, err
		}
		factor := n.Part == lora.A || n.Part == lora.B
		if ok && (r.Unchanged() || factor && r.Rank == 0) {
			continue
		}
		if ok && factor {
			c.to.Shape = append(tensor.Shape{}, info.Shape...)
			dim := 0
			if n.Part == lora.B {
				dim = 1
			}
			c.to.Shape[dim] = min(r.Rank, info.Shape[dim])
		}
		cuts = append(cuts, c)
	}
	return cuts, nil
}

func record(f *safetensors.File, layout *lora.Layout, subject string) (r lora.Record, ok bool, err error) {
	info, ok := layout.Reports[subject]
	if !ok {
		return r, false, nil
	}
	t, _ := f.Tensor(info.Name)
	raw, vals := make([]byte, info.Bytes()), make([]float32, info.Shape.Numel())
	if n, err := t.ReadAt(raw, 0); n < len(raw) {
		return r, false, fmt.Errorf("tensor %s: %w", info.Name, err)
	}
	if err := codec.ToF32(vals, raw, info.DType); err != nil {
		return r, false, err
	}
	r, ok = lora.ParseRecord(vals)
	return r, ok, nil
}

// copy takes the first rows and columns over, some rows at once.
func (c cut) copy(f *safetensors.File, into tensor.Sink) error {
	from, _ := f.Tensor(c.from.Name)
	w, err := into.Writer(c.to.Name)
	if err != nil {
		return err
	}
	rows, have, keep := c.to.Shape.Rows(), c.from.RowBytes(), c.to.RowBytes()
	step := max(1, (1<<20)/max(have, 1))
	raw := make([]byte, step*have)
	for row := 0; row < rows; row += step {
		n := min(step, rows-row)
		if k, err := from.ReadAt(raw[:n*have], int64(row)*int64(have)); k < n*have {
			return err
		}
		if keep < have {
			for i := range n {
				copy(raw[i*keep:(i+1)*keep], raw[i*have:])
			}
		}
		if _, err := w.WriteAt(raw[:n*keep], int64(row)*int64(keep)); err != nil {
			return err
		}
	}
	return nil
}
