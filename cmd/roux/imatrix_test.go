package main

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/rouxml/roux/engine"
	"github.com/rouxml/roux/loaders/gguf/imatrix"
	"github.com/rouxml/roux/ops"
)

// TestImatrix: statistics go into an importance matrix of either form under
// ggml's names, with all weights of an input, and inspect shows the file.
func TestImatrix(t *testing.T) {
	bench(t, map[string]string{"r.yaml": sourceRecipe})
	if code, _, stderr := roux("run", "r.yaml", "--cache", "c"); code != exitDone {
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	code, stdout, stderr := roux("inspect", "--stats", "r.yaml", "--json", "--cache", "c")
	var all []engine.Statistics
	if err := json.Unmarshal([]byte(stdout), &all); code != exitDone || err != nil {
		t.Fatalf("exit %d, %v\n%s", code, err, stderr)
	}
	for _, file := range []string{"out/base.gguf", "out/base.dat"} {
		m, err := imatrix.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		if len(m.Entries) != 4*7 || m.Chunks < 2 {
			t.Errorf("%s: %d weights, %d chunks", file, len(m.Entries), m.Chunks)
		}
		for name, in := range map[string]*ops.Stats{"blk.1.ffn_down.weight": all[0].Inputs[7], "blk.3.attn_v.weight": all[0].Inputs[12]} {
			e, ok := m.Find(name)
			if !ok {
				t.Fatalf("%s has no %s", file, name)
			}
			for j, v := range e.Means(0) {
				if want := in.Squares[j] / float64(in.Rows); math.Abs(float64(v)/want-1) > 1e-5 {
					t.Fatalf("%s: %s, channel %d: %v, want %v", file, name, j, v, want)
				}
			}
		}
		code, stdout, _ = roux("inspect", "--stats", file)
		if code != exitDone || !strings.Contains(stdout, "blk.3.ffn_up.weight") || !strings.Contains(stdout, "28 weights") {
			t.Errorf("inspect %s: exit %d\n%s", file, code, stdout)
		}
	}
}

const sourceRecipe = `roux: 1
models: {base: testdata/models/base}
data:
  calib: {text: testdata/data/prose.held.txt, length: 100, samples: 12}
steps:
  half: {op: prune.wanda, sparsity: 0.5, calibrate: calib, sequential: false}
outputs:
  half: {from: half, path: out/half}
  matrix: {from: base, calibrate: calib, format: imatrix, path: out/base.gguf}
  old: {from: base, calibrate: calib, format: imatrix, path: out/base.dat}
`

// TestImatrixOutput: a recipe writes an importance matrix with the one run that
// its pruning needs; a recipe that names the file prunes the same weights by it,
// without running the model; both forms, and two halves of the text, come to the
// same numbers.
func TestImatrixOutput(t *testing.T) {
	from := func(data, out string) string {
		return "roux: 1\nmodels: {base: testdata/models/base}\ndata: {im: {imatrix: " + data + "}}\nsteps:\n  half: {op: prune.wanda, sparsity: 0.5, calibrate: im, sequential: false}\n" +
			"outputs: {half: {from: half, path: out/" + out + "}, sum: {from: base, calibrate: im, format: imatrix, path: out/" + out + ".gguf}}\n"
	}
	part := func(file string) string {
		return "roux: 1\nmodels: {base: testdata/models/base}\ndata: {calib: {text: " + file + ", length: 50}}\noutputs: {m: {from: base, calibrate: calib, format: imatrix, path: " + file + ".gguf}}\n"
	}
	bench(t, map[string]string{"r.yaml": sourceRecipe, "by.yaml": from("out/base.gguf", "by"), "old.yaml": from("[out/base.dat]", "old"),
		"a.txt": strings.Repeat("The river runs to the sea. ", 20), "b.txt": strings.Repeat("She sold seven red apples. ", 33),
		"a.yaml": part("a.txt"), "b.yaml": part("b.txt"), "sum.yaml": from("[a.txt.gguf, b.txt.gguf]", "sum")})
	run := func(recipe string, blocks bool) {
		t.Helper()
		code, stdout, stderr := roux("run", recipe, "--cache", "c", "--json")
		if code != exitDone {
			t.Fatalf("%s: exit %d\n%s", recipe, code, stderr)
		}
		if ran := strings.Contains(stdout, "run base over"); ran != blocks {
			t.Errorf("%s: runs the model: %v", recipe, ran)
		}
	}
	run("r.yaml", true)
	run("by.yaml", false)
	run("old.yaml", false)
	const name = "model.layers.2.mlp.down_proj.weight"
	want := stored(t, "out/half", name)
	for _, dir := range []string{"out/by", "out/old"} {
		off := 0
		for i, v := range stored(t, dir, name) {
			if v != want[i] {
				off++
			}
		}
		if off*10000 > len(want) {
			t.Errorf("%s: %d of %d weights fare otherwise than with the text", dir, off, len(want))
		}
	}
	run("a.yaml", true)
	run("b.yaml", true)
	run("sum.yaml", false)
	var parts [3]*imatrix.Matrix
	for i, file := range []string{"a.txt.gguf", "b.txt.gguf", "out/sum.gguf"} {
		m, err := imatrix.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		parts[i] = m
	}
	for i, e := range parts[2].Entries {
		a, b := parts[0].Entries[i], parts[1].Entries[i]
		if e.Name != a.Name || e.Counts[0] != a.Counts[0]+b.Counts[0] || e.Sums[3] != a.Sums[3]+b.Sums[3] {
			t.Fatalf("%s: %v and %v tokens become %v", e.Name, a.Counts, b.Counts, e.Counts)
		}
	}
	if parts[2].Chunks != parts[0].Chunks+parts[1].Chunks || parts[2].ChunkSize != 50 {
		t.Errorf("%d chunks of %d", parts[2].Chunks, parts[2].ChunkSize)
	}
	code, stdout, _ := roux("inspect", "--stats", "by.yaml", "--cache", "c")
	if code != exitDone || !strings.Contains(stdout, "ffn.mid") || !strings.Contains(stdout, "12 samples, 1200 tokens") {
		t.Errorf("inspect: exit %d\n%s", code, stdout)
	}
}

// TestImatrixStands: a file that is as the last run left it is not written
// again; one that roux did not write is not replaced without --force, and stays
// as it is; nothing else is left beside it.
func TestImatrixStands(t *testing.T) {
	bench(t, map[string]string{"r.yaml": sourceRecipe, "foreign/base.gguf": "precious"})
	if code, _, stderr := roux("run", "r.yaml", "--cache", "c"); code != exitDone {
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	first, err := os.ReadFile("out/base.gguf")
	if err != nil {
		t.Fatal(err)
	}
	_, stdout, _ := roux("plan", "r.yaml", "--cache", "c")
	if !strings.Contains(stdout, "output matrix: imatrix, 28 tensors, 38 kB, up to date\nout\n└── base.gguf") {
		t.Errorf("the plan says\n%s", stdout)
	}
	if err := os.Remove("out/base.gguf"); err != nil {
		t.Fatal(err)
	}
	if _, done := measured(t, "r.yaml", "--cache", "c"); done.Computed != 0 {
		t.Errorf("writing it again computes %d blocks", done.Computed)
	}
	if again, err := os.ReadFile("out/base.gguf"); err != nil || !bytes.Equal(first, again) {
		t.Errorf("other bytes: %v", err)
	}
	other := strings.ReplaceAll(sourceRecipe, "out/base.gguf", "foreign/base.gguf")
	put(t, "other.yaml", []byte(other))
	if code, _, stderr := roux("run", "other.yaml", "--cache", "c"); code != exitFailed || !strings.Contains(stderr, "foreign/base.gguf exists and was not written by roux: choose another path, or replace it with --force") {
		t.Errorf("exit %d\n%s", code, stderr)
	}
	put(t, "alone.yaml", []byte("roux: 1\nmodels: {base: testdata/models/base}\ndata: {calib: {text: testdata/data/prose.held.txt, length: 100, samples: 2}}\noutputs: {m: {from: base, calibrate: calib, format: imatrix, path: foreign/base.gguf}}\n"))
	if code, stdout, stderr := roux("run", "alone.yaml", "--cache", "c", "--json"); code != exitFailed || strings.Contains(stdout, "run base over") || !strings.Contains(stderr, "was not written by roux") {
		t.Errorf("exit %d; the model is run for what cannot be written\n%s%s", code, stdout, stderr)
	}
	if text, err := os.ReadFile("foreign/base.gguf"); err != nil || string(text) != "precious" {
		t.Errorf("the file was touched: %q %v", text, err)
	}
	if code, _, stderr := roux("run", "other.yaml", "--cache", "c", "--force"); code != exitDone {
		t.Errorf("exit %d\n%s", code, stderr)
	}
	for _, dir := range []string{"out", "foreign"} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), ".") {
				t.Errorf("%s/%s is left", dir, e.Name())
			}
		}
	}
}
