package main

import (
	"os"
	"strings"
	"testing"
)

// TestOutputsSpareInputs: a directory that roux wrote is not replaced when a text
// or an adapter that is read has come to lie in it, even with --force.
func TestOutputsSpareInputs(t *testing.T) {
	const to = "outputs: {o: {from: s, path: out/m}}\n"
	const scale = "{op: edit.scale, model: m, scale: 2}"
	bench(t, map[string]string{
		"first.yaml":   "roux: 1\nmodels: {m: testdata/models/base}\nsteps: {s: " + scale + "}\n" + to,
		"text.yaml":    "roux: 1\nmodels: {m: testdata/models/base}\ndata: {t: {text: out/m/notes.txt, length: 8}}\nsteps:\n  s: " + strings.Replace(scale, "2", "3", 1) + "\n  p: {op: evaluate.perplexity, models: [m], data: t}\n" + to,
		"adapter.yaml": "roux: 1\nmodels: {m: {path: testdata/models/base, adapter: out/m/lora}}\nsteps: {s: " + scale + "}\n" + to,
		"lora.yaml":    "roux: 1\nmodels: {b: testdata/models/base, t: testdata/models/sums}\nsteps: {x: {op: adapter.extract, base: b, model: t, rank: 2}}\noutputs: {o: {from: x, path: lora, format: peft}}\n",
	})
	for _, recipe := range []string{"first.yaml", "lora.yaml"} {
		if code, _, stderr := roux("run", recipe, "--cache", "c"); code != exitDone {
			t.Fatalf("%s: exit %d\n%s", recipe, code, stderr)
		}
	}
	put(t, "out/m/notes.txt", []byte(strings.Repeat("The river runs to the sea. ", 20)))
	if err := os.Rename("lora", "out/m/lora"); err != nil {
		t.Fatal(err)
	}
	for recipe, input := range map[string]string{"text.yaml": "out/m/notes.txt", "adapter.yaml": "out/m/lora"} {
		code, _, stderr := roux("run", recipe, "--cache", "c", "--force")
		if code != exitFailed || !strings.Contains(stderr, "would overwrite the input") || !strings.Contains(stderr, input) {
			t.Errorf("%s: exit %d\n%s", recipe, code, stderr)
		}
		if _, err := os.Stat(input); err != nil {
			t.Error(err)
		}
	}
}
