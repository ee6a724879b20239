package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/rouxml/roux/engine"
	"github.com/rouxml/roux/engine/cas"
	"github.com/rouxml/roux/loaders/all"
	"github.com/rouxml/roux/loaders/hub"
	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/recipes"
	"github.com/rouxml/roux/schema"
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/kernel/cpu"
)

type counting struct {
	Model schema.Ref `yaml:"model" previous:"" doc:"model"`
}

// TestWorkersReachKernels: a kernel that sees whole tensors, a Prepare and a
// Study are told how many goroutines the run may use.
func TestWorkersReachKernels(t *testing.T) {
	var seen []int // one kernel runs at a time here
	var set ops.Set
	spec := ops.Spec[counting]{Name: "test.whole", Version: 1, Summary: "s", Doc: "d", Source: "s", Example: "op: test.whole\n", Where: `kind == "embed"`,
		Whole: &ops.WholeKernel[counting]{Scope: ops.Tensor, Run: func(ctx context.Context, _ *counting, _ *ops.Pass, in, out []ops.Matrix) error {
			seen = append(seen, cpu.Workers(ctx))
			copy(out[0].Data, in[0].Data)
			return nil
		}}}
	ops.Add(&set, spec)
	spec.Name, spec.Example, spec.Whole = "test.rows", "op: test.rows\n", nil
	spec.Rows = &ops.RowKernel[counting]{
		Prepare: func(ctx context.Context, members []ops.Member[counting]) ([]ops.State, error) {
			seen = append(seen, cpu.Workers(ctx))
			return make([]ops.State, len(members)), nil
		},
		Run: func(_ *counting, _ *ops.Pass, b *ops.Block) error {
			copy(b.Out, b.X(0))
			return nil
		}}
	ops.Add(&set, spec)
	spec.Name, spec.Example = "test.study", "op: test.study\n"
	spec.Plan = func(_ *counting, in []ops.Header) ([]ops.Unit, error) {
		return []ops.Unit{{Study: true, In: []ops.Operand{{Name: in[0].Infos[0].Name}}, Out: in[0].Infos[:1]}}, nil
	}
	spec.Study = &ops.StudyKernel[counting]{Ports: func(*counting) []int { return []int{0} }, Run: func(ctx context.Context, _ *counting, _ *ops.Trial) (ops.Result, error) {
		seen = append(seen, cpu.Workers(ctx))
		return ops.Result{}, nil
	}}
	ops.Add(&set, spec)
	reg, err := ops.NewRegistry(&set)
	if err != nil {
		t.Fatal(err)
	}
	for _, workers := range []int{1, 3} {
		seen = nil
		runOps(t, reg, "steps: {w: {op: test.whole, model: m}, s: {op: test.rows}, r: {op: test.study}}", workers)
		if len(seen) != 4 || slices.Min(seen) != workers || slices.Max(seen) != workers {
			t.Errorf("kernels of a run with %d workers were told %v", workers, seen)
		}
	}
}

// runOps runs steps of a registry's ops over the base model.
func runOps(t *testing.T, reg *ops.Registry, steps string, workers int) {
	t.Helper()
	testdata, err := filepath.Abs("../testdata")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "r.yaml")
	if err := os.WriteFile(file, []byte(fmt.Sprintf("roux: 1\nmodels: {m: %s/models/base}\n%s\noutputs: {o: {from: r, path: %s/out}}\n", testdata, steps, dir)), 0o644); err != nil {
		t.Fatal(err)
	}
	r, err := recipes.Load(file, reg, recipes.Options{})
	if err != nil {
		t.Fatal(err)
	}
	store, err := cas.Open(filepath.Join(dir, "cache"), nil)
	if err != nil {
		t.Fatal(err)
	}
	formats, err := all.Registry()
	if err != nil {
		t.Fatal(err)
	}
	plan, err := engine.NewPlan(t.Context(), r, engine.Options{Ops: reg, Formats: formats.Format, Cache: store, Workers: workers,
		Tokenizer: func([]tensor.File) (ops.Tokenizer, error) { return nil, errors.New("none") },
		Config:    func(config []byte, _ []tensor.Info) ([]byte, error) { return config, nil },
		Open: func(ctx context.Context, m recipes.Model) (*tensor.Model, io.Closer, error) {
			return all.Open(ctx, all.Ref{Path: m.Path}, hub.Client{})
		}})
	if err != nil {
		t.Fatal(err)
	}
	defer plan.Close()
	if _, err := plan.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
}
