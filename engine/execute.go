package engine

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/rouxml/roux/tensor/kernel/cpu"
)

// Result is what a run came to.
type Result struct {
	Elapsed time.Duration
	Blocks  int64 // kernel calls
	Hits    int64 // what the cache gave
}

// Run writes every output, measures what the recipe measures and checks its
// gates. On an error or a cancelled context nothing half-written is left.
func (p *Plan) Run(ctx context.Context) (*Result, error) {
	start := time.Now()
	ctx = cpu.WithWorkers(ctx, p.opt.Workers)
	defer p.run.close()
	p.started()
	for _, w := range p.writes {
		if err := p.store(ctx, w, p.progress(w)); err != nil {
			return nil, fmt.Errorf("output %s: %w", w.out.Name, err)
		}
	}
	for _, f := range p.files {
		if err := p.storeFile(ctx, f); err != nil {
			return nil, fmt.Errorf("output %s: %w", f.out.Name, err)
		}
	}
	refused, err := p.gates(ctx)
	if err != nil {
		return nil, err
	}
	res := &Result{Elapsed: time.Since(start), Blocks: p.run.blocks.Load(), Hits: p.run.hits.Load()}
	p.opt.emit(RunDone{Elapsed: res.Elapsed, Computed: int(res.Blocks), Hits: int(res.Hits)})
	if refused != nil {
		return nil, &GateError{Failed: refused}
	}
	return res, nil
}

func (p *Plan) started() {
	e := RunStarted{Recipe: p.Recipe.Name, Memory: p.opt.Memory}
	for _, w := range p.writes {
		e.Tasks += len(w.cells)
		e.Bytes += w.stored()
	}
	p.opt.emit(e)
}

func (p *Plan) progress(w *write) func(*cell) {
	t := &tally{now: TaskDone{Step: "write " + w.out.Name, Total: len(w.cells), TotalBytes: w.bytes()}}
	return func(c *cell) { t.add(p.opt, c.info.Name, c.info.Bytes()) }
}

// gates measures every measuring step in order, then asks the gates. It returns
// those that said no.
func (p *Plan) gates(ctx context.Context) (refused []string, err error) {
	env := p.env()
	for i := range p.Recipe.Steps {
		m, ok := p.measures[p.Recipe.Steps[i].Name]
		if !ok {
			continue
		}
		got, err := p.run.measured(ctx, m)
		if err != nil {
			return nil, err
		}
		env[m.node.name] = got.Values
	}
	for _, g := range p.Recipe.Gates {
		v, err := g.Expr.Eval(env)
		if err != nil {
			return nil, fmt.Errorf("%s: gate: %w", g.Pos, err)
		}
		pass, ok := v.(bool)
		if !ok {
			return nil, fmt.Errorf("%s: gate %q is %v, not true or false", g.Pos, g.Text, v)
		}
		p.opt.emit(GateChecked{Gate: g.Text, Pass: pass, Values: g.Expr.Metrics(env)})
		if !pass {
			refused = append(refused, g.Text)
		}
	}
	return refused, nil
}

// fileLook tells two states of a file apart without reading it.
func fileLook(path string) string {
	if path == "" {
		return ""
	}
	info, err := os.Stat(path)
	if err != nil {
		return "missing"
	}
	return fmt.Sprintf("%d %d", info.Size(), info.ModTime().UnixNano())
}
