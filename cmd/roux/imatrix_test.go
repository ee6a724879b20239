package main

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/rouxml/roux/engine"
	"github.com/rouxml/roux/loaders/gguf/imatrix"
)

// TestImatrix: statistics go into an importance matrix of either form under
// ggml's names, with all weights of an input, and inspect shows the file.
func TestImatrix(t *testing.T) {
	bench(t, map[string]string{"r.yaml": `roux: 1
models: {base: testdata/models/base}
data: {calib: {text: testdata/data/prose.held.txt, length: 100, samples: 12}}
steps:
  half: {op: prune.wanda, sparsity: 0.5, calibrate: calib, sequential: false}
outputs: {half: {from: half, path: out/half}}
`, "behind.yaml": `roux: 1
models: {base: testdata/models/base}
data: {calib: {text: testdata/data/prose.held.txt, length: 100, samples: 12}}
steps:
  one: {op: prune.wanda, sparsity: 0.5, calibrate: calib}
  two: {op: prune.wanda, sparsity: 0.6, calibrate: calib}
outputs: {two: {from: two, path: out/two}}
`})
	for _, file := range []string{"base.imatrix", "base.dat"} {
		code, stdout, stderr := roux("inspect", "--stats", "r.yaml", "--imatrix", file, "--json", "--cache", "c")
		if code != exitDone {
			t.Fatalf("exit %d\n%s", code, stderr)
		}
		var all []engine.Statistics
		if err := json.Unmarshal([]byte(stdout), &all); err != nil {
			t.Fatal(err)
		}
		m, err := imatrix.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		if len(m.Entries) != 4*7 || m.Chunks < 2 {
			t.Errorf("%s: %d weights, %d chunks", file, len(m.Entries), m.Chunks)
		}
		in := all[0].Inputs[7] // layer 1's last
		for _, name := range []string{"blk.1.ffn_down.weight", "blk.3.attn_v.weight"} {
			if name == "blk.3.attn_v.weight" {
				in = all[0].Inputs[12]
			}
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
	if code, _, stderr := roux("inspect", "behind.yaml", "--imatrix", "x.imatrix", "--cache", "c"); code != exitRecipe || !strings.Contains(stderr, "calibrates 2 times") {
		t.Errorf("two calibrations: exit %d\n%s", code, stderr)
	}
}
