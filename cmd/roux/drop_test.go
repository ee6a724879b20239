package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/rouxml/roux/ops"
)

const dropRecipe = `roux: 1
models: {base: testdata/models/base}
data: {calib: {text: testdata/data/prose.held.txt, length: 100, samples: 12}}
steps:
  thin: {op: resize.drop, model: base, count: COUNT, by: BY, calibrate: calib}
  cut: {op: resize.drop, model: base, layers: LAYERS}
  half: {op: prune.wanda, model: thin, sparsity: 0.5, calibrate: calib}
outputs:
  thin: {from: thin, path: out/thin}
  cut: {from: cut, path: out/cut}
  half: {from: half, path: out/half}
`

// TestDropAsTorch: the layers that go are those that torch's cosines say, in the
// weights and in config.json; the run that it takes is kept; and what is left can
// be calibrated and run.
func TestDropAsTorch(t *testing.T) {
	golden := torchBlocks(t)
	least := 0
	for l := range golden.Next {
		if golden.Next[l] > golden.Next[least] {
			least = l
		}
	}
	near, nearest := 0, golden.Last[0][2] // of two layers, the last not among them
	if c := golden.Last[1][3]; c > nearest {
		near = 1
	}
	files := map[string]string{}
	for by, layers := range map[string][]int{"influence": {least}, "angle": {near, near + 1}} {
		files[by+".yaml"] = strings.NewReplacer("COUNT", fmt.Sprint(len(layers)), "BY", by, "LAYERS", strings.ReplaceAll(fmt.Sprint(layers), " ", ", ")).Replace(dropRecipe)
	}
	bench(t, files)
	for by := range files {
		if err := os.RemoveAll("out"); err != nil {
			t.Fatal(err)
		}
		code, stdout, stderr := roux("run", by, "--cache", "c", "--json")
		if code != exitDone {
			t.Fatalf("%s: exit %d\n%s", by, code, stderr)
		}
		if !strings.Contains(stdout+stderr, "step thin: drops") {
			t.Errorf("%s: nobody says which layers go\n%s%s", by, stdout, stderr)
		}
		for _, file := range []string{"model.safetensors", "config.json"} {
			thin, err := os.ReadFile("out/thin/" + file)
			if err != nil {
				t.Fatal(err)
			}
			if cut, err := os.ReadFile("out/cut/" + file); err != nil || !bytes.Equal(thin, cut) {
				t.Errorf("%s: %s differs from that without the layers that torch says: %v", by, file, err)
			}
		}
		if _, done := measured(t, by, "--cache", "c"); done.Computed != 0 {
			t.Errorf("%s: a second run computes %d blocks", by, done.Computed)
		}
		config, err := os.ReadFile("out/half/config.json")
		if want := fmt.Sprintf(`"num_hidden_layers": %d`, 4-strings.Count(by, "angle")-1); err != nil || !strings.Contains(string(config), want) {
			t.Errorf("%s: config.json lacks %s: %v", by, want, err)
		}
	}
	if code, stdout, stderr := roux("run", "influence.yaml", "--cache", "small", "--memory", "100MB", "--workers", "1", "--json"); code != exitDone || !strings.Contains(stdout+stderr, "drops 1 of 4 layers") {
		t.Errorf("exit %d\n%s", code, stderr)
	}
}

// TestHiddenAsTorch: evaluate.hidden, over the windows that calibration takes,
// measures the influences that torch's cosines give.
func TestHiddenAsTorch(t *testing.T) {
	golden := torchBlocks(t)
	bench(t, map[string]string{"r.yaml": `roux: 1
models: {base: testdata/models/base}
data: {calib: {text: testdata/data/prose.held.txt, length: 100, samples: 12}}
steps: {hidden: {op: evaluate.hidden, models: [base], data: calib, protocol: gptq}}
outputs: {}
`})
	got, _ := measured(t, "r.yaml", "--cache", "c")
	values := got["hidden"].Values["base"]
	for l := range golden.Next {
		if v := values[fmt.Sprint("influence_", l)]; math.Abs(v-golden.Influence(l)) > 2e-5 {
			t.Errorf("layer %d: %v, torch has %v", l, v, golden.Influence(l))
		}
	}
	if values["tokens"] != 1200 {
		t.Errorf("%v tokens", values["tokens"])
	}
}

// torchBlocks is what torch says of the hidden states of the trained model.
func torchBlocks(t *testing.T) ops.Blocks {
	t.Helper()
	text, err := os.ReadFile("../../engine/calib/testdata/base.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct{ Blocks ops.Blocks }
	if err := json.Unmarshal(text, &golden); err != nil {
		t.Fatal(err)
	}
	return golden.Blocks
}
