package engine

import (
	"context"
	"fmt"

	"github.com/rouxml/roux/engine/dag"
	"github.com/rouxml/roux/loaders"
	"github.com/rouxml/roux/ops"
)

// Summary is what a plan says before it runs.
type Summary struct {
	Memory  int64           `json:"memory"`
	Steps   []StepSummary   `json:"steps"`
	Outputs []OutputSummary `json:"outputs"`
}

// StepSummary tells about one step.
type StepSummary struct {
	Name     string `json:"name"`
	Op       string `json:"op"`
	Computes int    `json:"computes"`       // tensors that the step makes
	Passes   int    `json:"passes"`         // tensors that it passes on untouched
	Runs     int    `json:"runs,omitempty"` // of models over data
	Bytes    int64  `json:"bytes"`          // of what it makes
	Memory   int64  `json:"memory"`         // that its largest tensor takes
	Held     int    `json:"held"`           // tensors, or runs, that the cache holds
	Why      string `json:"why"`
}

// OutputSummary tells about one output.
type OutputSummary struct {
	Name    string `json:"name"`
	Path    string `json:"path"`
	Format  string `json:"format"`
	Tensors int    `json:"tensors"`
	Bytes   int64  `json:"bytes"`
	Fresh   bool   `json:"fresh"`
	Why     string `json:"why"`
	// Files are what the output's directory will hold.
	Files []loaders.FileSize `json:"files"`
}

// Summary looks up what the cache and the output directories hold. It reads no
// weights but small files, whose hash is their identity.
func (p *Plan) Summary(ctx context.Context) (Summary, error) {
	s := Summary{Memory: p.opt.Memory}
	for _, n := range p.order {
		if n.step == nil {
			continue
		}
		st, err := p.stepSummary(ctx, n)
		if err != nil {
			return s, n.place("", err)
		}
		s.Steps = append(s.Steps, st)
	}
	for i := range p.Recipe.Steps {
		if m, ok := p.measures[p.Recipe.Steps[i].Name]; ok {
			st, err := p.measureSummary(ctx, m)
			if err != nil {
				return s, err
			}
			s.Steps = append(s.Steps, st)
		}
	}
	for _, w := range p.writes {
		o, err := p.outputSummary(ctx, w)
		if err != nil {
			return s, err
		}
		s.Outputs = append(s.Outputs, o)
	}
	for _, f := range p.files {
		o, err := p.fileSummary(ctx, f)
		if err != nil {
			return s, err
		}
		s.Outputs = append(s.Outputs, o)
	}
	return s, nil
}

func (p *Plan) stepSummary(ctx context.Context, n *node) (StepSummary, error) {
	st := StepSummary{Name: n.name, Op: n.op.Name, Computes: len(n.acts), Passes: max(0, len(n.cells)-len(n.acts))}
	for _, a := range n.acts {
		for _, info := range a.pass.Unit.Out {
			st.Bytes += info.Bytes()
		}
		st.Memory = max(st.Memory, a.memory())
		if a.stored {
			held, err := p.run.held(ctx, a)
			if err != nil {
				return st, err
			}
			if held {
				st.Held++
			}
		}
	}
	switch {
	case n.same:
		st.Why = "skipped by when"
	case len(n.acts) == 0:
		st.Why = "renames only"
	case !n.acts[0].stored:
		st.Why = "not kept: computed with what reads it"
	case st.Held == len(n.acts):
		st.Why = "all held"
	default:
		st.Why = fmt.Sprintf("%d of %d held; the rest never ran with these params and inputs", st.Held, len(n.acts))
	}
	if err := p.run.studySummary(ctx, n, &st); err != nil {
		return st, err
	}
	return st, p.run.calibrationSummary(ctx, n, &st)
}

// calibrationSummary says where a step's statistics come from.
func (r *run) calibrationSummary(ctx context.Context, n *node, st *StepSummary) error {
	if len(n.acts) == 0 || n.acts[0].calib == nil || st.Held == len(n.acts) {
		return nil
	}
	c := n.acts[0].calib
	if c.given() {
		st.Why += fmt.Sprintf("; calibrates on %s, an importance matrix", c.data.data.Name)
		return nil
	}
	want, err := r.lacking(ctx, c)
	if err != nil {
		return err
	}
	state := "statistics held"
	if want != nil {
		state = "to be run"
	}
	st.Why += fmt.Sprintf("; calibrates %s on %s: %s", c.model.name, c.data.data.Name, state)
	return nil
}

func (p *Plan) measureSummary(ctx context.Context, m *measure) (StepSummary, error) {
	if m.node.op.Score != nil {
		return p.scoreSummary(ctx, m)
	}
	st := StepSummary{Name: m.node.name, Op: m.node.op.Name, Computes: len(m.node.acts), Why: "to be measured"}
	key, err := m.key(ctx)
	if err != nil {
		return st, err
	}
	if _, ok := p.opt.Cache.Lookup(key); ok {
		st.Why, st.Held = "metrics held", st.Computes
		return st, nil
	}
	todo, err := p.run.recall(ctx, m, make([]ops.Record, st.Computes))
	if st.Held = st.Computes - len(todo); st.Held > 0 {
		st.Why = fmt.Sprintf("%d of %d held; the rest is to be measured", st.Held, st.Computes)
	}
	return st, err
}

func (p *Plan) outputSummary(ctx context.Context, w *write) (OutputSummary, error) {
	o := OutputSummary{Name: w.out.Name, Path: w.out.Path, Format: w.format.Name, Tensors: len(w.cells)}
	var err error
	if o.Files, err = w.format.Files(w.model(), w.options()); err != nil {
		return o, err
	}
	o.Bytes = w.stored()
	for _, name := range p.provenanceFiles(w.out) {
		o.Files = append(o.Files, loaders.FileSize{Name: name})
	}
	fresh, prev, err := p.previous(ctx, w)
	if err != nil {
		return o, err
	}
	defer prev.close()
	o.Fresh, o.Why = fresh, "to be written"
	if fresh {
		o.Why = "up to date"
	} else if prev != nil {
		prev.replace(ctx, w.cells)
		o.Why = fmt.Sprintf("to be written again: %d of %d tensors changed", len(w.cells)-prev.reused, len(w.cells))
	}
	return o, nil
}

// options are what a recipe's output asks of its format.
func (w *write) options() loaders.WriteOptions {
	return loaders.WriteOptions{ShardBytes: int64(w.out.ShardSize)}
}

// Graph is the recipe's models, steps and outputs with their edges.
func (p *Plan) Graph() *dag.Graph {
	g := dag.New()
	for _, m := range p.Recipe.Models {
		g.Add(dag.Node{ID: m.Name, Label: m.Name, Kind: "model"})
	}
	for _, s := range p.Recipe.Steps {
		n := dag.Node{ID: s.Name, Label: s.Name + "\n" + s.Op, Kind: "step"}
		if s.Measures {
			n.Kind = "measure"
		}
		for _, in := range s.Inputs {
			n.Needs = append(n.Needs, in.Name)
		}
		g.Add(n)
	}
	for _, o := range p.Recipe.Outputs {
		g.Add(dag.Node{ID: "output " + o.Name, Label: o.Path, Kind: "output", Needs: []string{o.From.Name}})
	}
	return g
}
