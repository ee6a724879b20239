package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const hiddenRecipe = `roux: 1
models: {base: testdata/models/base, sums: testdata/models/sums, lists: testdata/models/lists}
steps:
  merged: {op: merge.linear, models: [base, {model: sums, weight: WEIGHT}]}
  svd: {op: lowrank.svd, rank: 100, where: kind == "mlp.down" and layer < 2}
  mixture:
    op: moe.from_dense
    base: svd
    gate_mode: hidden
    experts:
      - {model: sums, positive_prompts: ["sum: 12 + 7 =", "add 3 and 4"], negative_prompts: ["a list"], noise_scale: 0.01}
      - {model: lists, positive_prompts: ["Sort the list 5 2 9"]}
outputs: {mixture: {from: mixture, path: out}}
`

// TestHiddenRouters: routers of hidden states are the same bytes for any workers
// and budget; a second run computes nothing; a base that changed is run again.
func TestHiddenRouters(t *testing.T) {
	recipe := strings.Replace(hiddenRecipe, "WEIGHT", "1", 1)
	bench(t, map[string]string{"r.yaml": recipe, "other.yaml": strings.Replace(hiddenRecipe, "WEIGHT", "0.5", 1)})
	file := func() string {
		b, err := os.ReadFile("out/model.safetensors")
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	plan := func(recipe string) string {
		code, stdout, stderr := roux("plan", recipe, "--cache", "first")
		if code != exitDone {
			t.Fatalf("exit %d\n%s", code, stderr)
		}
		return stdout
	}
	if text := plan("r.yaml"); !strings.Contains(text, "runs svd: to be run") {
		t.Errorf("the plan does not say that it runs a model\n%s", text)
	}
	measured(t, "r.yaml", "--cache", "first")
	first := file()
	if text := plan("r.yaml"); !strings.Contains(text, "runs svd: what that came to is held") {
		t.Errorf("the plan does not say what is held\n%s", text)
	}
	if _, done := measured(t, "r.yaml", "--cache", "first"); done.Computed != 0 {
		t.Errorf("a second run computes %d blocks", done.Computed)
	}
	for i, args := range [][]string{{"--workers", "1"}, {"--workers", "5", "--memory", "100MB"}} {
		if err := os.RemoveAll("out"); err != nil {
			t.Fatal(err)
		}
		measured(t, append([]string{"r.yaml", "--cache", fmt.Sprint("other", i)}, args...)...)
		if file() != first {
			t.Errorf("%v changes the bytes", args)
		}
	}
	if text := plan("other.yaml"); !strings.Contains(text, "runs svd: to be run") {
		t.Errorf("a base that changed is not run again\n%s", text)
	}
}

// TestDamagedStudy: what a study came to is run again when its entry is damaged,
// with all that it rests on.
func TestDamagedStudy(t *testing.T) {
	bench(t, map[string]string{"r.yaml": strings.Replace(hiddenRecipe, "WEIGHT", "1", 1)})
	run := func() string {
		measured(t, "r.yaml", "--cache", "c", "--workers", "2", "--memory", "100MB")
		b, err := os.ReadFile("out/model.safetensors")
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	want := run()
	damage(t, "c", func([]byte) bool { return true })
	if _, stdout, _ := roux("plan", "r.yaml", "--cache", "c"); !strings.Contains(stdout, "runs svd: to be run") {
		t.Errorf("the plan takes what is damaged for held\n%s", stdout)
	}
	if err := os.RemoveAll("out"); err != nil {
		t.Fatal(err)
	}
	if run() != want {
		t.Error("a damaged study changes the bytes")
	}
}

// damage changes a byte of those of a cache's outputs whose bytes are so.
func damage(t *testing.T, cache string, of func([]byte) bool) {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(cache, "outputs", "*", "*"))
	n := 0
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) == 0 || !of(b) {
			continue
		}
		n++
		b[len(b)/2] ^= 1
		if err := os.WriteFile(f, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if n == 0 {
		t.Error("nothing to damage")
	}
}

// TestAlikeRouters: prompts that the base hardly tells apart are said to be so,
// with the layers.
func TestAlikeRouters(t *testing.T) {
	bench(t, map[string]string{"m.yml": "base_model: testdata/models/base\nexperts:\n" +
		"- {source_model: testdata/models/sums, positive_prompts: ['sum: 12 + 7 =']}\n- {source_model: testdata/models/lists, positive_prompts: ['sum: 12 + 8 =']}\n"})
	code, _, stderr := roux("run", "m.yml", "--cache", "c")
	if code != exitDone || !strings.Contains(stderr, "step mixture: routers of layers 0, 1, 2, 3 can hardly tell the experts apart, and will send most tokens to few of them: give prompts that are less alike, or negative_prompts") {
		t.Errorf("exit %d\n%s", code, stderr)
	}
}
