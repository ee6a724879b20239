package engine

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"

	"github.com/rouxml/roux/engine/cas"
	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/tensor/kernel/cpu"
)

// equipped makes sure that an action that needs statistics, or what a study
// finds, has them.
func (r *run) equipped(ctx context.Context, a *action) error {
	if a.pass.Unit.Study {
		if err := r.studied(ctx, a.node); err != nil {
			return err
		}
	}
	if a.calib == nil || a.ready.Load() {
		return nil
	}
	return r.calibrate(ctx, a.calib)
}

// equip puts statistics, which the cache holds, into an action's pass. Only the
// goroutine that calibrates calls it.
func (r *run) equip(ctx context.Context, c *calibration, a *action) error {
	if a.ready.Load() {
		return nil
	}
	var list []*ops.Stats
	for _, i := range c.of(a) {
		s, err := r.statsOf(ctx, c, i)
		if err != nil {
			return err
		}
		list = append(list, s)
	}
	a.pass.Stats = list
	a.ready.Store(true)
	return nil
}

// statsOf returns the statistics of a linear, from its layer's entry.
func (r *run) statsOf(ctx context.Context, c *calibration, linear int) (*ops.Stats, error) {
	l := c.linears[linear]
	if c.layers[l.Layer] == nil {
		if err := r.readLayer(ctx, c, l.Layer); err != nil {
			return nil, err
		}
	}
	for _, s := range c.layers[l.Layer] {
		if s.Input != l.Name || s.Expert != l.Expert {
			continue
		}
		if c.want[linear]&ops.Gram != 0 && s.ReadGram == nil {
			key, err := c.gramKey(ctx, linear)
			if err != nil {
				return nil, err
			}
			s.ReadGram = func(dst []float64) error { return r.readGram(key, dst, s.Width()) }
		}
		return s, nil
	}
	return nil, fmt.Errorf("layer %d has no statistics of %s", l.Layer, l.Name)
}

func (r *run) readLayer(ctx context.Context, c *calibration, layer int) error {
	key, err := c.layerKey(ctx, layer)
	if err != nil {
		return err
	}
	text, ok := r.opt.Cache.GetBytes(key)
	if !ok {
		return fmt.Errorf("the cache lost the statistics of layer %d just after they were stored: is another program clearing %s?", layer, r.opt.Cache.Dir())
	}
	var list []*ops.Stats
	if err := json.Unmarshal(text, &list); err != nil {
		return fmt.Errorf("statistics of layer %d in the cache: %w", layer, err)
	}
	c.layers[layer] = list
	return nil
}

// gramBatch is about how many bytes of a Gram matrix are read or written at once.
const gramBatch = 1 << 20

// keepGram stores the lower triangle of a d x d matrix, row by row, in float32.
func keepGram(to *cas.Cache, key cas.Key, gram []float64, d int, label string) error {
	w, err := to.Create(key, 2*int64(d)*int64(d+1), label)
	if err != nil {
		return err
	}
	var raw []byte
	at := int64(0)
	for i := range d {
		for _, v := range gram[i*d : i*d+i+1] {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(float32(v)))
		}
		if len(raw) < gramBatch && i < d-1 {
			continue
		}
		if _, err := w.WriteAt(raw, at); err != nil {
			w.Abort()
			return err
		}
		at, raw = at+int64(len(raw)), raw[:0]
	}
	return w.Commit()
}

// readGram fills both triangles of dst with a stored Gram matrix.
func (r *run) readGram(key cas.Key, dst []float64, d int) error {
	if len(dst) != d*d {
		return fmt.Errorf("a Gram matrix of %d channels does not fit %d elements", d, len(dst))
	}
	f, _ := r.opened(key)
	if f == nil {
		return fmt.Errorf("the cache lost a Gram matrix just after it was stored: is another program clearing %s?", r.opt.Cache.Dir())
	}
	raw := make([]byte, 4*d)
	at := int64(0)
	in := io.NewSectionReader(f, 0, f.Size())
	for i := range d {
		row := raw[:4*(i+1)]
		if err := readFull(in, row, at); err != nil {
			return err
		}
		at += int64(len(row))
		for j := range i + 1 {
			v := float64(math.Float32frombits(binary.LittleEndian.Uint32(row[4*j:])))
			dst[i*d+j], dst[j*d+i] = v, v
		}
	}
	return nil
}

func (c *calibration) blocksKey(ctx context.Context) (cas.Key, error) {
	k, err := c.key(ctx)
	return cas.NewHash("blocks").Key(k).Sum(), err
}

// heldBlocks takes the comparison of hidden states from the cache.
func (r *run) heldBlocks(ctx context.Context, c *calibration) bool {
	key, err := c.blocksKey(ctx)
	if err != nil {
		return false // the run that follows says why
	}
	text, ok := r.opt.Cache.GetBytes(key)
	return ok && json.Unmarshal(text, &c.blocks) == nil
}

func (r *run) keepBlocks(ctx context.Context, c *calibration, b ops.Blocks) error {
	c.blocks = b
	key, err := c.blocksKey(ctx)
	if err != nil {
		return err
	}
	text, err := json.Marshal(b)
	if err != nil {
		return err
	}
	return r.opt.Cache.PutBytes(key, text, "hidden states of "+c.model.name)
}

// cosines compares the hidden states of a step's model: taken from the cache, or
// by a run.
func (p *Plan) cosines(ctx context.Context, n *node) (*ops.Blocks, error) {
	c, err := p.calibration(ctx, n.ports[0], n.step.Data[0].Name, nil)
	if err != nil {
		return nil, err
	}
	if c.given() {
		return nil, c.data.data.Errorf("an importance matrix tells nothing of hidden states: calibrate on a text")
	}
	r := p.run
	if r.heldBlocks(ctx, c) {
		r.hits.Add(1)
		return &c.blocks, nil
	}
	sched, err := r.schedule(ctx, c.model.cells)
	if err != nil {
		return nil, err
	}
	if err := sched.run(ctx, func(context.Context, *cell) error { return nil }); err != nil {
		return nil, err
	}
	err = r.within(ctx, r.opt.Memory, r.opt.Memory/2, func() error { return r.observe(ctx, c, nil, true) })
	return &c.blocks, err
}

// Statistics is what one calibration of a recipe came to.
type Statistics struct {
	Model, Data string
	Step        string       `json:",omitempty"` // through whose results the data went on
	Inputs      []*ops.Stats // of the layers that steps ask about, in order
	Blocks      *ops.Blocks  `json:",omitempty"`
}

// Statistics makes or looks up the statistics that the recipe's steps calibrate
// with; no step but what they need is computed.
func (p *Plan) Statistics(ctx context.Context) ([]Statistics, error) {
	defer p.run.close()
	ctx = cpu.WithWorkers(ctx, p.opt.Workers)
	var out []Statistics
	for _, c := range p.calibs {
		c.compare = c.step == nil && !c.given()
		one, err := p.statistics(ctx, c)
		if err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, nil
}

// statistics makes those of one calibration.
func (p *Plan) statistics(ctx context.Context, c *calibration) (Statistics, error) {
	one := Statistics{Model: c.model.name, Data: c.data.data.Name}
	s := &schedule{on: p.run, jobs: map[any]*job{}, needs: map[*action][]*job{}}
	j, err := s.calibrating(ctx, c)
	if err != nil {
		return one, err
	}
	if err := s.finish(ctx, j); err != nil {
		return one, err
	}
	if c.compare {
		one.Blocks = &c.blocks
	}
	if c.step != nil {
		one.Step = c.step.name
	}
	asked := map[int]bool{} // layers, which come with all of their inputs
	for i, l := range c.linears {
		asked[l.Layer] = asked[l.Layer] || c.want[i] != 0
	}
	for i, l := range c.linears {
		if !asked[l.Layer] || c.given() && c.want[i] == 0 {
			continue
		}
		if c.layers[l.Layer] == nil {
			if err := p.run.readLayer(ctx, c, l.Layer); err != nil {
				return one, err
			}
		}
		st, err := p.run.statsOf(ctx, c, i)
		if err != nil {
			return one, err
		}
		one.Inputs = append(one.Inputs, st)
	}
	return one, nil
}
