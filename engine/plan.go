package engine

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/dustin/go-humanize"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/recipes"
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/kernel/cpu"
)

// Plan is a recipe whose models are open and whose every tensor is known, made
// from headers alone. Close it when done.
type Plan struct {
	Recipe *recipes.Recipe

	opt      Options
	nodes    map[string]*node
	order    []*node
	writes   []*write
	files    []*statFile
	measures map[string]*measure
	data     map[string]*dataset // by name, once read
	calibs   []*calibration
	closers  []io.Closer
	protect  []string
	run      *run
	below    bool // it is of a recipe that is a model of another
}

// NewPlan opens the recipe's models and lays out all steps. Steps under a
// `when` decide by metrics of earlier steps, which are measured here if the
// cache does not hold them.
func NewPlan(ctx context.Context, r *recipes.Recipe, o Options) (*Plan, error) {
	if o.Workers <= 0 {
		o.Workers = cpu.Cores()
	}
	if o.Memory <= 0 {
		o.Memory = max(freeMemory()/2, leastMemory)
	}
	if o.Memory < leastMemory {
		return nil, &PlanError{fmt.Errorf("a budget of %s is too small to stream tensors through: give --memory %s or more", humanize.Bytes(uint64(o.Memory)), humanize.Bytes(leastMemory))}
	}
	p := &Plan{Recipe: r, opt: o, nodes: map[string]*node{}, measures: map[string]*measure{}, data: map[string]*dataset{}}
	p.run = newRun(o)
	if err := p.build(cpu.WithWorkers(ctx, o.Workers)); err != nil {
		return nil, errors.Join(&PlanError{err}, p.Close())
	}
	return p, nil
}

// Close releases the files of all models, and what a run held.
func (p *Plan) Close() error {
	p.run.close()
	var errs []error
	for _, c := range p.closers {
		errs = append(errs, c.Close())
	}
	p.closers = nil
	return errors.Join(errs...)
}

func (p *Plan) build(ctx context.Context) error {
	models, err := p.openAll(ctx)
	if err != nil {
		return err
	}
	for i, m := range p.Recipe.Models {
		if err := p.addModel(ctx, m, models[i].model); err != nil {
			return err
		}
	}
	for i := range p.Recipe.Steps {
		if err := p.addStep(ctx, &p.Recipe.Steps[i]); err != nil {
			return err
		}
	}
	var errs []error
	for _, out := range p.Recipe.Outputs {
		switch {
		case out.Calibrate.Name == "":
			errs = append(errs, p.addWrite(out))
		case !p.below:
			errs = append(errs, p.addStatFile(ctx, out))
		}
	}
	return errors.Join(errs...)
}

func (p *Plan) addModel(ctx context.Context, m recipes.Model, model *tensor.Model) error {
	if m.Recipe != nil {
		return p.addRecipe(ctx, m)
	}
	p.spare(m.Path, m.Adapter)
	for _, note := range model.Notes {
		p.opt.emit(Warning{Text: fmt.Sprintf("model %s: %s", m.Name, note)})
	}
	p.insert(p.inputNode(m.Name, model))
	if err := p.run.setAside(model.Keeps); err != nil {
		return fmt.Errorf("%s: model %s: %w", m.Pos, m.Name, err)
	}
	return nil
}

// spare has no output take the place of what is read, or of a folder that it
// lies in.
func (p *Plan) spare(paths ...string) {
	for _, path := range paths {
		if path != "" {
			p.protect = append(p.protect, path)
		}
	}
}

func (p *Plan) inputNode(name string, model *tensor.Model) *node {
	if model.Vocab == nil {
		model.Vocab = tensor.VocabOf(model.Files)
	}
	n := &node{name: name, model: model, index: map[string]*cell{}}
	for _, info := range model.Weights.Infos() {
		t, _ := model.Weights.Tensor(info.Name)
		n.add(&cell{info: info, leaf: t})
	}
	n.seal(p.opt.Tokenizer)
	return n
}

func (p *Plan) insert(n *node) {
	p.nodes[n.name] = n
	p.order = append(p.order, n)
}

// addRecipe lays out another recipe and takes one of its outputs as a model.
func (p *Plan) addRecipe(ctx context.Context, m recipes.Model) error {
	sub := &Plan{Recipe: m.Recipe, opt: p.opt, nodes: map[string]*node{}, measures: map[string]*measure{}, data: map[string]*dataset{}, run: p.run, below: true}
	err := sub.build(ctx)
	p.closers = append(p.closers, sub.closers...)
	p.calibs = append(p.calibs, sub.calibs...)
	p.protect = append(p.protect, sub.protect...)
	if err != nil {
		return fmt.Errorf("%s: model %s: %w", m.Pos, m.Name, err)
	}
	from, ok := sub.nodes[m.Output]
	var cells []*cell // of an output, in its dtype
	for _, w := range sub.writes {
		if w.out.Name == m.Output || m.Output == "" {
			from, cells, ok = w.node, w.cells, true
		}
	}
	if !ok {
		return fmt.Errorf("%s: model %s: recipe %s has no output or step %q", m.Pos, m.Name, m.Recipe.File, m.Output)
	}
	for _, n := range sub.order {
		if n != from {
			p.order = append(p.order, n)
		}
	}
	copied := *from
	copied.name = m.Name
	if cells == nil {
		cells = from.cells
	}
	copied.cells, copied.index = nil, map[string]*cell{}
	for _, c := range cells {
		copied.add(c)
	}
	copied.seal(p.opt.Tokenizer)
	p.insert(&copied)
	return nil
}

func (p *Plan) addStep(ctx context.Context, s *recipes.Step) error {
	op, ok := p.opt.Ops.Op(s.Op)
	if !ok {
		return fmt.Errorf("%s: unknown op %q", s.OpPos, s.Op)
	}
	n := &node{name: s.Name, step: s, op: op, index: map[string]*cell{}, on: p.run, storing: &tally{}, preparing: &tally{}}
	for _, ref := range s.Inputs {
		port, ok := p.nodes[ref.Name]
		if !ok {
			return fmt.Errorf("%s: unknown model %q", ref.Pos, ref.Name)
		}
		if port.model.Adapter != nil && !op.Adapters {
			return fmt.Errorf("%s: %s is a LoRA adapter, and %s takes whole models: add it to its base with adapter.apply or as {path: BASE, adapter: PATH}", ref.Pos, ref.Name, s.Op)
		}
		n.ports = append(n.ports, port)
	}
	if len(n.ports) == 0 {
		return n.place("", errors.New("the step takes no model"))
	}
	skip, err := p.skipped(ctx, n)
	if err != nil {
		return err
	}
	if err := p.lay(ctx, n, skip); err != nil {
		return n.place("", err)
	}
	if op.Measure != nil || op.Score != nil {
		p.measures[s.Name] = &measure{node: n}
		return nil
	}
	p.insert(n)
	return nil
}

// skipped evaluates `when`, measuring what it reads.
func (p *Plan) skipped(ctx context.Context, n *node) (bool, error) {
	if n.step.When == nil {
		return false, nil
	}
	env := p.env()
	for _, use := range n.step.When.Uses() {
		m, ok := p.measures[use]
		if !ok {
			continue
		}
		values, err := p.run.measured(ctx, m)
		if err != nil {
			return false, err
		}
		env[use] = values.Values
	}
	v, err := n.step.When.Eval(env)
	if err != nil {
		return false, n.place("", fmt.Errorf("when: %w", err))
	}
	yes, ok := v.(bool)
	if !ok {
		return false, n.place("", fmt.Errorf("when: %s is %v, not true or false", n.step.When, v))
	}
	return !yes, nil
}

// env is what gates and `when` see beside metrics.
func (p *Plan) env() map[string]any { return map[string]any{} }

// lay fills a node with cells.
func (p *Plan) lay(ctx context.Context, n *node, skip bool) error {
	primary := n.ports[0]
	model := *primary.model
	model.Weights, model.Notes = nil, nil
	n.model = &model
	n.same = skip
	var err error
	switch {
	case skip:
		for _, c := range primary.cells {
			n.add(c)
		}
	case n.op.Score != nil:
		err = p.layScore(ctx, n)
	case n.op.Select != nil:
		err = p.laySelect(ctx, n)
	default:
		if err = p.layUnits(n); err == nil {
			err = errors.Join(p.layStudy(n), p.layCalibration(ctx, n))
		}
	}
	if err != nil {
		return err
	}
	if !skip {
		if err := n.op.Ride(n.step.Params, n.chosen, n.model); err != nil {
			return err
		}
		for _, note := range n.model.Notes {
			p.opt.emit(Warning{Text: fmt.Sprintf("step %s: %s", n.name, note)})
		}
	}
	n.seal(p.opt.Tokenizer)
	return nil
}

func (n *node) headers() []ops.Header {
	hs := make([]ops.Header, len(n.ports))
	for i, port := range n.ports {
		hs[i] = port.header
	}
	return hs
}

func (p *Plan) laySelect(ctx context.Context, n *node) error {
	n.chosen = n.headers()
	if n.op.Needs&ops.Cosines != 0 && len(n.step.Data) > 0 {
		var err error
		if n.chosen[0].Blocks, err = p.cosines(ctx, n); err != nil {
			return err
		}
	}
	picks, err := n.op.Select(n.step.Params, n.chosen)
	if err != nil {
		return err
	}
	if n.step.Keys != recipes.KeysSame {
		return fmt.Errorf("%s takes the tensors that it names: remove keys", n.op.Name)
	}
	return n.pick(picks)
}

// pick adds the tensors that are passed on.
func (n *node) pick(picks []ops.Pick) error {
	for _, pick := range picks {
		c, err := n.picked(pick)
		if err != nil {
			return err
		}
		if n.index[pick.Name] != nil {
			return fmt.Errorf("two tensors would be named %s", pick.Name)
		}
		n.add(c)
	}
	return nil
}
