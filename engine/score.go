package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/rouxml/roux/engine/cas"
	"github.com/rouxml/roux/loaders"
	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/recipes"
	"github.com/rouxml/roux/schema"
)

// trial is one run of a scoring step: some of its models over its data; or of a
// study.
type trial struct {
	run       func(ctx context.Context, params any, x *ops.Trial) (ops.Result, error)
	ports     []*node
	heads     []ops.Header // of the ports
	data      []*dataset
	canonical []byte
	seed      uint64
	op        *ops.Op
	once      keyOnce
}

// dataset is an entry of the recipe's data, read, and the digest of what it
// was read from and of what is asked of it.
type dataset struct {
	data   *ops.Data
	digest string
}

// layScore asks the op whether it can run the models, reads the data and cuts
// the step into its runs.
func (p *Plan) layScore(ctx context.Context, n *node) error {
	if n.step.Where != nil {
		return errors.New("an evaluation runs whole models: remove where")
	}
	if p.opt.Tokenizer == nil || p.opt.Data == nil || p.opt.Config == nil {
		return errors.New("this program runs no models")
	}
	heads, err := n.runnable(p.opt)
	if err != nil {
		return err
	}
	canonical, err := schema.Canonical(n.step.Params)
	if err != nil {
		return err
	}
	var data []*dataset
	var read []*ops.Data
	for _, ref := range n.step.Data {
		d, err := p.dataset(ctx, ref.Name)
		if err != nil {
			return err
		}
		data, read = append(data, d), append(read, d.data)
	}
	if err := n.op.Score.Check(n.step.Params, heads, read); err != nil {
		return err
	}
	for _, ports := range n.op.Score.Runs(n.step.Params, len(n.ports)) {
		t := &trial{op: n.op, run: n.op.Score.Run, data: data, canonical: canonical, seed: p.seedOf(n)}
		for _, i := range ports {
			t.ports, t.heads = append(t.ports, n.ports[i]), append(t.heads, heads[i])
		}
		n.trials = append(n.trials, t)
	}
	return nil
}

// runnable are the headers of the ports with the config that an output would
// have: steps may have changed what it says of layers and vocabulary. An
// input's stands as it is, so that what is wrong with it is seen.
func (n *node) runnable(o Options) ([]ops.Header, error) {
	heads := make([]ops.Header, len(n.ports))
	for i, port := range n.ports {
		var err error
		if heads[i], err = port.runnableHeader(o); err != nil {
			return nil, err
		}
	}
	return heads, nil
}

func (n *node) runnableHeader(o Options) (ops.Header, error) {
	h := n.header
	if n.step == nil || o.Config == nil {
		return h, nil
	}
	var err error
	if h.Config, err = o.Config(h.Config, h.Infos); err != nil {
		return h, fmt.Errorf("%s: %w", n.name, err)
	}
	return h, nil
}

// seedOf is the step's seed, or the recipe's.
func (p *Plan) seedOf(n *node) uint64 {
	if n.step.Seed != nil {
		return *n.step.Seed
	}
	return p.Recipe.Seed
}

// dataset reads an entry of data, once.
func (p *Plan) dataset(ctx context.Context, name string) (*dataset, error) {
	if d, ok := p.data[name]; ok {
		return d, nil
	}
	for _, entry := range p.Recipe.Data {
		if entry.Name != name {
			continue
		}
		d, err := p.readData(ctx, entry)
		if err != nil {
			return nil, fmt.Errorf("%s: data %s: %w", entry.Pos, entry.Name, err)
		}
		p.data[name] = d
		p.spare(entry.Text, entry.Task, entry.Logits)
		p.spare(entry.Imatrix...)
		return d, nil
	}
	return nil, fmt.Errorf("unknown data %q", name)
}

// readData reads data and sets aside what it takes.
func (p *Plan) readData(ctx context.Context, entry recipes.Data) (*dataset, error) {
	data, digest, err := p.opt.Data(ctx, entry, p.run.opt.Memory)
	if err != nil {
		return nil, err
	}
	if c, ok := data.Saved.(io.Closer); ok {
		p.closers = append(p.closers, c)
	}
	if err := p.run.setAside(data.Bytes()); err != nil {
		return nil, err
	}
	asked := fmt.Sprintf(" %d %d %t %d %t", data.Length, data.Samples, data.Drawn, data.Seed, data.Special)
	if data.Drawn {
		asked += " " + data.Name // the draws depend on it
	}
	return &dataset{data, digest + asked}, nil
}

// key covers all that a run's result depends on: the op, its params, the seed,
// the data, and of each model its weights, config and files.
func (t *trial) key(ctx context.Context) (cas.Key, error) {
	return t.once.get(func() (cas.Key, error) { return t.makeKey(ctx) })
}

func (t *trial) makeKey(ctx context.Context) (cas.Key, error) {
	h := cas.NewHash("score").Int(keyVersion).String(t.op.Name).Int(int64(t.op.Version)).Bytes(t.canonical).Int(int64(t.seed))
	for _, d := range t.data {
		h.String(d.digest)
	}
	for _, port := range t.ports {
		if err := hashModel(ctx, h, port); err != nil {
			return cas.Key{}, err
		}
	}
	return h.Sum(), nil
}

// forwardVersion is raised when the same model, run over the same text, would
// give other numbers: of the forward pass and of tokenizers.
const forwardVersion = 3

// hashModel covers all of a model that running it depends on.
func hashModel(ctx context.Context, h *cas.Hash, n *node) error {
	h.Int(forwardVersion)
	keys, err := keysOf(ctx, n.cells)
	if err != nil {
		return err
	}
	h.Int(int64(len(keys)))
	for i, k := range keys {
		h.String(n.cells[i].info.Name).Key(k)
	}
	h.Bytes(n.model.Config)
	for _, f := range n.model.Files {
		id := string(f.Data)
		if f.Data == nil {
			if id, err = loaders.FileID(f.Path); err != nil {
				return err
			}
		}
		h.String(f.Name).String(id)
	}
	return nil
}

// score makes the metrics of a scoring step: of results that the cache holds,
// and of runs for the others.
func (r *run) score(ctx context.Context, m *measure) error {
	results := make([]ops.Result, len(m.node.trials))
	m.hit = true
	for i, t := range m.node.trials {
		key, err := t.key(ctx)
		if err != nil {
			return err
		}
		text, ok := r.opt.Cache.GetBytes(key)
		if ok && json.Unmarshal(text, &results[i]) == nil {
			r.hits.Add(1)
			continue
		}
		m.hit = false
		if results[i], err = r.try(ctx, m.node, t); err != nil {
			return err
		}
		r.keepResult(m.node, key, results[i])
	}
	var err error
	n := m.node
	m.metrics, err = n.op.Score.Finish(n.step.Params, n.headers(), n.trials[0].seed, results)
	if err == nil {
		m.report(r.opt)
	}
	return err
}

// keepResult stores a result; one with NaN or Inf is made again next time.
func (r *run) keepResult(n *node, key cas.Key, result ops.Result) {
	text, err := json.Marshal(result)
	if err != nil {
		return
	}
	if err := r.opt.Cache.PutBytes(key, text, n.op.Name+" "+n.name); err != nil {
		r.opt.emit(Warning{Text: "cache: " + err.Error()})
	}
}

// try runs models over data. What their weights rest on is made first; then the
// op has half of the budget, and the other half is for the rows that it reads.
func (r *run) try(ctx context.Context, n *node, t *trial) (ops.Result, error) {
	var cells []*cell
	for _, port := range t.ports {
		cells = append(cells, port.cells...)
	}
	sched, err := r.schedule(ctx, cells)
	if err != nil {
		return ops.Result{}, err
	}
	if err := sched.run(ctx, func(context.Context, *cell) error { return nil }); err != nil {
		return ops.Result{}, err
	}
	var result ops.Result
	err = r.within(ctx, r.opt.Memory, r.opt.Memory/2, func() (err error) {
		result, err = r.attempt(ctx, n, t)
		return err
	})
	return result, err
}

// attempt runs models whose dear tensors are there, within the memory of its
// caller.
func (r *run) attempt(ctx context.Context, n *node, t *trial) (ops.Result, error) {
	x := &ops.Trial{Seed: t.seed, Workers: r.opt.Workers, Memory: r.opt.Memory / 2, Scratch: r.opt.Cache.Dir()}
	for _, d := range t.data {
		x.Data = append(x.Data, d.data)
	}
	var cells []*cell
	for _, port := range t.ports {
		cells = append(cells, port.cells...)
	}
	name := n.name
	if len(t.ports) == 1 {
		name += ": " + t.ports[0].name
	}
	progress := newReading(r.opt, name, cells)
	x.Report = func(done, total int, of string) {
		r.opt.emit(TaskDone{Step: "run " + name, Of: of, Done: done, Total: total})
	}
	for i, port := range t.ports {
		x.Models = append(x.Models, ops.Subject{Header: t.heads[i], Weights: r.source(ctx, port, progress)})
	}
	return t.run(ctx, n.step.Params, x)
}

// scoreSummary says which runs the cache holds.
func (p *Plan) scoreSummary(ctx context.Context, m *measure) (StepSummary, error) {
	n := m.node
	st := StepSummary{Name: n.name, Op: n.op.Name, Runs: len(n.trials), Why: "skipped by when"}
	for _, t := range n.trials {
		key, err := t.key(ctx)
		if err != nil {
			return st, err
		}
		if _, ok := p.opt.Cache.Lookup(key); ok {
			st.Held++
		}
	}
	if len(n.trials) > 0 {
		st.Why = fmt.Sprintf("%d of %d runs held", st.Held, len(n.trials))
	}
	return st, nil
}
