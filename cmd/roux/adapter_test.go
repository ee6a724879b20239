package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rouxml/roux/loaders/safetensors"
)

// TestApplyAsRead: adapter.apply gives what reading the base with the adapter
// gives, which loaders/peft holds to PEFT, for every kind of LoRA that is read.
func TestApplyAsRead(t *testing.T) {
	kinds, err := filepath.Abs("../../loaders/peft/testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"patterns", "rslora", "embedding", "conv", "dora", "turned", "turned-dora", "bias", "lora-bias", "saved"} {
		t.Run(kind, func(t *testing.T) {
			bench(t, map[string]string{"r.yaml": fmt.Sprintf(`roux: 1
models:
  base: %[1]s/net.safetensors
  lora: %[1]s/%[2]s
  read: {path: %[1]s/net.safetensors, adapter: %[1]s/%[2]s}
steps:
  on: {op: adapter.apply, model: base, adapter: lora}
  distance: {op: evaluate.compare, reference: read, models: [on, base]}
gates: ["distance.on.relative_error < 1e-7", "distance.base.relative_error > 1e-3"]
`, kinds, kind)})
			if code, stdout, stderr := roux("run", "r.yaml"); code != exitDone {
				t.Errorf("%s%s", stdout, stderr)
			}
		})
	}
}

// TestTrimmed: an adapter's file has the ranks that its energy needed, the
// config says the same, and a run after it leaves all as it is.
func TestTrimmed(t *testing.T) {
	bench(t, map[string]string{"r.yaml": `roux: 1
models: {base: testdata/models/base, sums: testdata/models/sums}
steps:
  lora: {op: adapter.extract, model: sums, base: base, rank: {energy: 0.5}, max_rank: 40, others: leave, embeddings: lora}
outputs:
  lora: {from: lora, path: out, format: peft, dtype: bfloat16}
`})
	if code, stdout, stderr := roux("run", "r.yaml"); code != exitDone {
		t.Fatalf("%s%s", stdout, stderr)
	}
	text, err := os.ReadFile("out/adapter_config.json")
	if err != nil {
		t.Fatal(err)
	}
	var c struct {
		R       int            `json:"r"`
		Alpha   int            `json:"lora_alpha"`
		Ranks   map[string]int `json:"rank_pattern"`
		Alphas  map[string]int `json:"alpha_pattern"`
		Targets []string       `json:"target_modules"`
	}
	if err := json.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	if c.R < 2 || c.R > 40 || c.Alpha != c.R || len(c.Ranks) < 5 || len(c.Targets) != 8 {
		t.Errorf("%+v", c)
	}
	for module, rank := range c.Ranks {
		if rank >= c.R || c.Alphas[module] != rank {
			t.Errorf("%s: rank %d, alpha %d, of at most %d", module, rank, c.Alphas[module], c.R)
		}
	}
	if entries, err := os.ReadDir("out"); err != nil || len(entries) != 5 {
		t.Errorf("%v, %v", entries, err)
	}
	if done := runEvents(t, "r.yaml"); !done.outputs["lora"].Fresh {
		t.Error("it was written again")
	}
}

// TestExtractAsMergekit: adapter.extract stores the tensors that mergekit-extract-lora
// 0.1.5 stored, and rows of the products are its own within the bfloat16 of its
// factors.
func TestExtractAsMergekit(t *testing.T) {
	bench(t, map[string]string{"r.yaml": `roux: 1
models: {base: testdata/models/base, sums: testdata/models/sums}
steps:
  lora: {op: adapter.extract, model: sums, base: base, rank: 16, method: exact}
outputs:
  lora: {from: lora, path: out, format: peft}
`})
	var golden struct {
		Tensors  []string
		Products map[string][][]float64
	}
	text, err := os.ReadFile("testdata/mergekit/extract-lora.json")
	if err == nil {
		err = json.Unmarshal(text, &golden)
	}
	if err != nil {
		t.Fatal(err)
	}
	if code, stdout, stderr := roux("run", "r.yaml"); code != exitDone {
		t.Fatalf("%s%s", stdout, stderr)
	}
	f, err := safetensors.Open("out/adapter_model.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var names []string
	for _, info := range f.Infos() {
		names = append(names, info.Name)
	}
	slices.Sort(names)
	if d := cmp.Diff(golden.Tensors, names); d != "" {
		t.Error(d)
	}
	for module, rows := range golden.Products {
		a, _ := f.Tensor("base_model.model." + module + ".lora_A.weight")
		b, _ := f.Tensor("base_model.model." + module + ".lora_B.weight")
		x, y := values(t, a), values(t, b)
		rank, cols := a.Info().Shape[0], a.Info().Shape[1]
		var miss, size float64
		for i, row := range rows {
			for j, want := range row {
				got := 0.0
				for k := range rank {
					got += float64(y[i*rank+k]) * float64(x[k*cols+j])
				}
				miss += (got - want) * (got - want)
				size += want * want
			}
		}
		if miss > 0.005*0.005*size {
			t.Errorf("%s is off by %.4f of its norm", module, math.Sqrt(miss/size))
		}
	}
}
