package main

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/rouxml/roux/loaders/safetensors"
	"github.com/rouxml/roux/tensor"
)

// zeros writes a file with one matrix of zeros.
func zeros(t *testing.T, dir, name string, rows, cols int) {
	t.Helper()
	info := tensor.Info{Name: name, DType: tensor.BF16, Shape: tensor.Shape{rows, cols}}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	w := safetensors.Create(dir, "model", 0)
	if err := w.Begin(context.Background(), []tensor.Info{info}); err != nil {
		t.Fatal(err)
	}
	to, err := w.Writer(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := to.WriteAt(make([]byte, info.Bytes()), 0); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// TestBudget: a tensor that an op must hold whole and that does not fit the
// budget is refused before anything runs, with its place and cure; what streams
// fits any budget but the least.
func TestBudget(t *testing.T) {
	dir := bench(t, map[string]string{"r.yaml": "roux: 1\nmodels: {m: ./big}\nsteps:\n  s: {op: lowrank.svd, model: m, rank: 4, method: exact, where: rows > 0}\noutputs: {x: {from: s, path: out}}\n"})
	zeros(t, dir+"/big", "wide", 2000, 1600)
	for _, c := range []struct{ memory, want string }{
		{"64MB", "r.yaml:4:11: step s (lowrank.svd), tensor wide: needs 2"},
		{"64MB", "of memory at once and the budget is 64 MB: raise --memory, or leave the tensor out with where"},
		{"1MB", "a budget of 1.0 MB is too small to stream tensors through: give --memory 64 MB or more"},
	} {
		code, _, stderr := roux("run", "r.yaml", "--memory", c.memory)
		if _, err := os.Stat("out"); code != exitRecipe || !strings.Contains(stderr, c.want) || err == nil {
			t.Errorf("--memory %s: exit %d, %q lacks %q, or something was written", c.memory, code, stderr, c.want)
		}
	}
}

// TestBudgetOfWideRows: a row that is longer than any block is held to the
// budget too.
func TestBudgetOfWideRows(t *testing.T) {
	dir := bench(t, map[string]string{"r.yaml": "roux: 1\nmodels: {m: ./big}\nsteps:\n  s: {op: edit.scale, model: m, scale: 2, where: rows > 0}\noutputs: {x: {from: s, path: out}}\n"})
	zeros(t, dir+"/big", "wide", 1, 20_000_000)
	if code, _, stderr := roux("run", "r.yaml", "--memory", "64MB"); code != exitRecipe || !strings.Contains(stderr, "tensor wide: needs") {
		t.Errorf("exit %d: %s", code, stderr)
	}
	if code, _, stderr := roux("run", "r.yaml", "--memory", "1GB"); code != exitDone {
		t.Errorf("exit %d: %s", code, stderr)
	}
}
