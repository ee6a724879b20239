package engine

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/rouxml/roux/engine/cas"
	"github.com/rouxml/roux/ops"
)

// measure is a step that yields metrics, and what it came to.
type measure struct {
	node    *node
	run     flight
	metrics ops.Metrics
	hit     bool
}

// measured returns a step's metrics: from the cache, or by reading what it
// compares and has not read before.
func (r *run) measured(ctx context.Context, m *measure) (ops.Metrics, error) {
	err := m.run.do(ctx, func(ctx context.Context) error {
		if m.node.same {
			return nil
		}
		if m.node.op.Score != nil {
			return m.node.place("", r.score(ctx, m))
		}
		key, err := m.key(ctx)
		if err != nil {
			return err
		}
		if m.hit = r.cachedMetrics(m, key); m.hit {
			r.hits.Add(1)
		} else if err := r.measure(ctx, m); err != nil {
			return m.node.place("", err)
		} else {
			r.keepMetrics(m, key)
		}
		m.report(r.opt)
		return nil
	})
	return m.metrics, err
}

// report tells of the metrics.
func (m *measure) report(o Options) {
	var models []string
	for _, port := range m.node.ports {
		if !slices.Contains(models, port.name) {
			models = append(models, port.name)
		}
	}
	o.emit(Measured{Step: m.node.name, Models: models, Protocol: m.metrics.Protocol, Values: m.metrics.Values, Notes: m.metrics.Notes, Hit: m.hit})
}

// key covers all that the metrics depend on; the models' names are part of it
// because metrics are filed under them.
func (m *measure) key(ctx context.Context) (cas.Key, error) {
	h := cas.NewHash("metrics")
	for _, port := range m.node.ports {
		h.String(port.name).Int(int64(len(port.cells)))
		for _, c := range port.cells {
			hashInfo(h, c.info)
		}
	}
	for _, a := range m.node.acts {
		k, err := a.ownKey(ctx)
		if err != nil {
			return cas.Key{}, err
		}
		h.String(a.pass.Out().Name).Key(k)
	}
	return h.Sum(), nil
}

func (r *run) cachedMetrics(m *measure, key cas.Key) bool {
	text, ok := r.opt.Cache.GetBytes(key)
	return ok && json.Unmarshal(text, &m.metrics) == nil
}

// keepMetrics stores metrics; JSON cannot hold NaN or Inf, so a result with
// them is measured again next time.
func (r *run) keepMetrics(m *measure, key cas.Key) {
	text, err := json.Marshal(m.metrics)
	if err != nil {
		return
	}
	if err := r.opt.Cache.PutBytes(key, text, m.node.op.Name+" "+m.node.name); err != nil {
		r.opt.emit(Warning{Text: "cache: " + err.Error()})
	}
}

func (r *run) measure(ctx context.Context, m *measure) error {
	records, at := make([]ops.Record, len(m.node.acts)), map[*action]int{}
	for i, a := range m.node.acts {
		at[a] = i
	}
	todo, err := r.recall(ctx, m, records)
	if err != nil {
		return err
	}
	r.hits.Add(int64(len(records) - len(todo)))
	cells := make([]*cell, len(todo))
	for i, a := range todo {
		cells[i] = &cell{info: a.pass.Out(), act: a}
	}
	sched, err := r.schedule(ctx, cells)
	if err != nil {
		return err
	}
	progress := m.tally(todo)
	err = sched.run(ctx, func(ctx context.Context, c *cell) error {
		sums, err := r.sums(ctx, c.act)
		records[at[c.act]].Sums = sums
		if err == nil {
			progress.add(r.opt, c.info.Name, c.act.reads())
		}
		return c.act.node.place(c.info.Name, err)
	})
	if err != nil {
		return err
	}
	// Before Finish, which may use the accumulators up.
	if err := r.keepSums(ctx, m, records); err != nil {
		return err
	}
	m.metrics, err = m.node.op.Measure.Finish(m.node.step.Params, m.node.headers(), records)
	return err
}

func (m *measure) tally(todo []*action) *tally {
	t := &tally{now: TaskDone{Step: m.node.name, Total: len(todo)}}
	for _, a := range todo {
		t.now.TotalBytes += a.reads()
	}
	return t
}

// sums joins the accumulators of a unit's blocks in the order of the blocks,
// so that the same bits come out whoever computed them.
func (r *run) sums(ctx context.Context, a *action) ([]float64, error) {
	part := partitionOf(a.in[0].info.Shape)
	blocks := make([][]float64, part.count)
	err := r.crew.each(ctx, part.count, func(i int) error {
		row, n := part.span(i)
		return r.visit(ctx, a, row, n, func(b *ops.Block) error {
			var err error
			blocks[i], err = a.node.op.Measure.Sums(a.params, a.pass, b)
			return err
		})
	})
	if err != nil || len(blocks) == 0 {
		return nil, err
	}
	for _, later := range blocks[1:] {
		a.node.op.Measure.Join(blocks[0], later)
	}
	return blocks[0], nil
}
