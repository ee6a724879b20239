package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/rouxml/roux/engine/calib"
	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/tensor"
)

// lacking returns what of the wanted the cache lacks, or nil: a damaged entry is
// lacking too. A layer comes with the channels of all its inputs.
func (r *run) lacking(ctx context.Context, c *calibration) ([]ops.Need, error) {
	want, any := make([]ops.Need, len(c.want)), false
	asked, missing := map[int]bool{}, map[int]bool{}
	for i, need := range c.want {
		asked[c.linears[i].Layer] = asked[c.linears[i].Layer] || need != 0
		if need&ops.Gram == 0 {
			continue
		}
		key, err := c.gramKey(ctx, i)
		if err != nil {
			return nil, err
		}
		if f, _ := r.opened(key); f == nil {
			want[i] |= ops.Gram
			missing[c.linears[i].Layer] = true
		}
	}
	for layer := range asked {
		key, err := c.layerKey(ctx, layer)
		if err != nil {
			return nil, err
		}
		if _, ok := r.opt.Cache.GetBytes(key); asked[layer] && !ok {
			missing[layer] = true
		}
	}
	for i, l := range c.linears {
		if missing[l.Layer] {
			want[i] |= ops.Channels
			any = true
		}
	}
	if !any {
		return nil, nil
	}
	return want, nil
}

// calibrate makes sure that all who use a calibration have their statistics:
// from the cache, or from a run for what it lacks.
func (r *run) calibrate(ctx context.Context, c *calibration) error {
	return c.run.do(ctx, func(ctx context.Context) error {
		if !c.given() {
			if err := r.gathered(ctx, c); err != nil {
				return c.place(err)
			}
		}
		for _, a := range c.users {
			if err := r.equip(ctx, c, a); err != nil {
				return c.place(err)
			}
		}
		return nil
	})
}

// gathered runs the model for what the cache lacks, if it lacks anything.
func (r *run) gathered(ctx context.Context, c *calibration) error {
	want, err := r.lacking(ctx, c)
	if err != nil {
		return err
	}
	compare := c.compare && !r.heldBlocks(ctx, c)
	if want == nil && !compare {
		r.hits.Add(1)
		return nil
	}
	return r.observe(ctx, c, want, compare)
}

// place names the step that asked first.
func (c *calibration) place(err error) error {
	var placed *Error
	if len(c.users) == 0 || errors.As(err, &placed) {
		return err
	}
	return c.users[0].node.place("", err)
}

// observe runs the model and keeps what is wanted.
func (r *run) observe(ctx context.Context, c *calibration, want []ops.Need, compare bool) error {
	if want == nil {
		want = make([]ops.Need, len(c.want))
	}
	progress := newReading(r.opt, c.model.name+" over "+c.data.data.Name, c.model.cells)
	job := calib.Job{Data: c.data.data, Workers: r.opt.Workers, Memory: r.opt.Memory / 2, Spill: r.opt.Cache.Dir(), Linears: c.linears, Want: want, Blocks: compare,
		Model: ops.Subject{Header: c.header, Weights: r.source(ctx, c.model, progress)},
		Layer: func(layer int, got []calib.Gathered) error { return r.keepLayer(ctx, c, layer, got) }}
	if c.step != nil {
		made := r.source(ctx, c.step, newReading(r.opt, c.step.name, c.step.cells))
		job.Replace = func(layer int) (tensor.Source, error) {
			some, err := r.replace(ctx, c, layer)
			if err != nil || !some {
				return nil, err
			}
			return made, nil
		}
	}
	r.blocks.Add(1)
	blocks, err := calib.Run(ctx, job)
	if err != nil || !compare {
		return err
	}
	return r.keepBlocks(ctx, c, *blocks)
}

// replace computes the step's tensors of a layer, which has its statistics now,
// and says whether there are any.
func (r *run) replace(ctx context.Context, c *calibration, layer int) (some bool, err error) {
	for _, a := range c.users {
		if c.linears[c.of(a)[0]].Layer != layer {
			continue
		}
		if err := r.equip(ctx, c, a); err != nil {
			return false, err
		}
		if err := r.materialise(ctx, a); err != nil {
			return false, err
		}
		some = true
	}
	return some, nil
}

// keepLayer stores what a layer came to: its channels in one entry, last, and
// each Gram matrix in its own.
func (r *run) keepLayer(ctx context.Context, c *calibration, layer int, got []calib.Gathered) error {
	var all []*ops.Stats
	for _, g := range got {
		all = append(all, g.Stats)
		if g.Gram == nil {
			continue
		}
		key, err := c.gramKey(ctx, g.Index)
		if err != nil {
			return err
		}
		if err := keepGram(r.opt.Cache, key, g.Gram, g.Stats.Width(), fmt.Sprintf("Gram of layer %d %s", layer, g.Stats.Input)); err != nil {
			return err
		}
	}
	text, err := json.Marshal(all)
	if err != nil {
		return err
	}
	key, err := c.layerKey(ctx, layer)
	if err != nil {
		return err
	}
	return r.opt.Cache.PutBytes(key, text, fmt.Sprintf("statistics of layer %d of %s", layer, c.model.name))
}
