package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rouxml/roux/loaders/safetensors"
	"github.com/rouxml/roux/loaders/shards"
)

// written runs a recipe whose output goes to out and opens that.
func written(t *testing.T, recipe string) *shards.Dir {
	t.Helper()
	put(t, "r.yaml", []byte(recipe))
	if err := os.RemoveAll("out"); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := roux("run", "r.yaml"); code != exitDone {
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	d, err := safetensors.OpenDir("out")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// heads lists each tensor with its first element.
func heads(t *testing.T, d *shards.Dir) map[string]float32 {
	got := map[string]float32{}
	for _, info := range d.Infos() {
		x, _ := d.Tensor(info.Name)
		got[info.Name] = values(t, x)[0]
	}
	return got
}

// TestKeys: state dicts whose keys differ are merged over what all have, or
// over what each tensor has; without a word they are an error. The dicts are
// 1, 2 and 3 in their first elements; steps is an integer, which is the first
// model's.
func TestKeys(t *testing.T) {
	bench(t, nil)
	files := map[string]string{"l": "left.pt", "r": "right.pt", "t": "third.bin"}
	for _, c := range []struct {
		name, uses, step string
		want             map[string]float32
	}{
		{"intersection", "lrt", "{op: merge.linear, models: [l, r, t], keys: intersection}", map[string]float32{"stem.weight": 2, "steps": 100}},
		{"union", "lrt", "{op: merge.linear, models: [l, r, t], keys: union}", map[string]float32{"stem.weight": 2, "head.weight": 1.5, "left.weight": 1, "right.weight": 2.5, "steps": 100}},
		{"union of weights", "lrt", "{op: merge.linear, models: [{model: l, weight: 3}, r, {model: t, weight: 0}], keys: union}", map[string]float32{"stem.weight": 1.25, "head.weight": 1.25, "left.weight": 1, "right.weight": 2, "steps": 100}},
		{"union with a base", "lrt", "{op: merge.task_arithmetic, base: r, models: [l, t], keys: union}", map[string]float32{"stem.weight": 2, "head.weight": 1, "left.weight": 1, "right.weight": 3, "steps": 200}},
		{"union of two", "lt", "{op: merge.slerp, base: l, model: t, t: 1, keys: union}", map[string]float32{"stem.weight": 3, "head.weight": 1, "left.weight": 1, "right.weight": 3, "steps": 100}},
		{"union and where", "lr", "{op: merge.linear, models: [l, r], keys: union, where: name contains \"stem\"}", map[string]float32{"stem.weight": 1.5, "head.weight": 1, "left.weight": 1, "right.weight": 2, "steps": 100}},
	} {
		t.Run(c.name, func(t *testing.T) {
			recipe := "roux: 1\nmodels:\n"
			for _, m := range c.uses {
				recipe += "  " + string(m) + ": testdata/torch/" + files[string(m)] + "\n"
			}
			recipe += "steps: {m: " + c.step + "}\noutputs: {x: {from: m, path: out}}\n"
			got := heads(t, written(t, recipe))
			if len(got) != len(c.want) {
				t.Errorf("tensors %v, want %v", got, c.want)
			}
			for name, v := range c.want {
				if got[name] != v {
					t.Errorf("%s begins with %v, want %v", name, got[name], v)
				}
			}
		})
	}
}

// TestKeysOfMeasures: models are compared over the tensors that both have.
func TestKeysOfMeasures(t *testing.T) {
	bench(t, map[string]string{"r.yaml": "roux: 1\nmodels: {l: testdata/torch/left.pt, r: testdata/torch/right.pt}\n" +
		"steps: {q: {op: evaluate.compare, reference: l, models: [r], keys: intersection}}\ngates: [q.r.max_abs == 1]\n"})
	if code, stdout, stderr := roux("run", "r.yaml"); code != exitDone {
		t.Errorf("exit %d\n%s%s", code, stdout, stderr)
	}
}

// TestMergekitPyTorch: a file of mergekit-pytorch runs as it is; its flags are
// a key.
func TestMergekitPyTorch(t *testing.T) {
	bench(t, nil)
	put(t, "raw.yml", []byte("merge_method: linear\nparameters: {weight: 1}\nmodels:\n- model: testdata/torch/left.pt\n- model: testdata/torch/right.pt\nkeys: union\n"))
	if code, _, stderr := roux("run", "raw.yml", "--out", "out"); code != exitDone {
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	d, err := safetensors.OpenDir("out")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	got := heads(t, d)
	if got["stem.weight"] != 1.5 || got["left.weight"] != 1 || got["right.weight"] != 2 || len(got) != 5 {
		t.Errorf("got %v", got)
	}
}

// TestPyTorchDirectory: a directory of .bin shards is the model that the same
// weights are in safetensors: the head that is tied to the embedding is not
// written, and all else is the same bytes.
func TestPyTorchDirectory(t *testing.T) {
	bench(t, nil)
	got := written(t, "roux: 1\nmodels: {m: testdata/torch/model}\noutputs: {x: {from: m, path: out}}\n")
	want, err := safetensors.Open("testdata/torch/model-safetensors/model.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	defer want.Close()
	if len(got.Infos()) != len(want.Infos()) {
		t.Errorf("%d tensors, want %d", len(got.Infos()), len(want.Infos()))
	}
	for _, info := range want.Infos() {
		w, _ := want.Tensor(info.Name)
		if x, ok := got.Tensor(info.Name); !ok || digest(t, x) != digest(t, w) {
			t.Errorf("%s differs", info.Name)
		}
	}
	config, err := os.ReadFile(filepath.Join("out", "config.json"))
	if err != nil || !strings.Contains(string(config), `"tie_word_embeddings": true`) {
		t.Errorf("config %s %v", config, err)
	}
}
