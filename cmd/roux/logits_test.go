package main

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/rouxml/roux/loaders/gguf/logits"
)

// TestSavedLogits: what a model predicts is saved as llama.cpp would, and models
// held against such a file have the numbers that it would print
// (testdata/data/logits.py).
func TestSavedLogits(t *testing.T) {
	bench(t, map[string]string{"r.yaml": `roux: 1
models: {base: testdata/models/base, sums: testdata/models/sums, lists: testdata/models/lists}
data: {ref: {logits: testdata/data/base.kld}, own: {logits: base.kld}, two: {logits: base.kld, samples: 2}}
steps:
  kl: {op: evaluate.kl, models: [base, sums, lists], data: ref}
  own: {op: evaluate.kl, models: [sums], data: own}
  two: {op: evaluate.kl, models: [sums], data: two}
`})
	code, stdout, stderr := roux("logits", "testdata/models/base", "--text", "testdata/data/sums.held.txt", "--length", "32", "--chunks", "4", "-o", "base.kld")
	if code != exitDone || stdout != "base.kld: 4 chunks of 32 tokens, 60 rows of 512\n" {
		t.Fatalf("exit %d\n%s%s", code, stdout, stderr)
	}
	sameLogits(t, "base.kld", "testdata/data/base.kld")
	text, err := os.ReadFile("testdata/data/logits.json")
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]map[string]float64
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	got, _ := measured(t, "r.yaml")
	for model, values := range want {
		for name, v := range values {
			if g, ok := got["kl"].Values[model][name]; !ok || !(math.Abs(g-v) <= 2e-5*max(1, math.Abs(v))) {
				t.Errorf("%s.%s is %v, want %v", model, name, g, v)
			}
		}
	}
	if v := got["kl"].Values["base"]; math.Abs(v["kl"]) > 1e-4 || v["same_top"] != 1 {
		t.Errorf("the model against itself: %v", v)
	}
	if p := got["kl"].Protocol; !strings.HasPrefix(p, "kl 2, against saved logits, llama.cpp/1, length 32, tokenizer ") {
		t.Errorf("protocol %q", p)
	}
	if a, b := got["own"].Values["sums"]["kl"], want["sums"]["kl"]; math.Abs(a-b) > 2e-4 {
		t.Errorf("against our own file %v, want %v", a, b)
	}
	if n := got["two"].Values["sums"]["positions"]; n != 30 {
		t.Errorf("%v positions of two chunks", n)
	}
}

// sameLogits compares two files: the same tokens, and rows but for rounding.
func sameLogits(t *testing.T, a, b string) {
	t.Helper()
	x, err := logits.Open(a)
	if err != nil {
		t.Fatal(err)
	}
	y, err := logits.Open(b)
	if err != nil {
		t.Fatal(err)
	}
	if x.Shape != y.Shape {
		t.Fatalf("%+v and %+v", x.Shape, y.Shape)
	}
	p, q := make([]float32, x.Vocab), make([]float32, x.Vocab)
	for chunk := range x.Chunks {
		if ours, theirs := x.Tokens(chunk), y.Tokens(chunk); string(runes(ours)) != string(runes(theirs)) {
			t.Errorf("chunk %d: tokens %v, want %v", chunk, ours, theirs)
		}
		for row := range x.Rows() {
			if err := x.LogProbs(chunk, row, p); err != nil {
				t.Fatal(err)
			}
			if err := y.LogProbs(chunk, row, q); err != nil {
				t.Fatal(err)
			}
			for i := range p {
				if math.Abs(float64(p[i]-q[i])) > 4e-4 { // a step is 2.4e-4
					t.Fatalf("chunk %d, row %d, token %d: %v, want %v", chunk, row, i, p[i], q[i])
				}
			}
		}
	}
}

func runes(ids []int32) []rune { return ids }

// TestBadLogits: what cannot be held against each other is said in the plan, and
// a file that could not be made leaves nothing.
func TestBadLogits(t *testing.T) {
	head := "roux: 1\nmodels: {MODEL}\ndata:\n  d: "
	good, err := os.ReadFile("../../testdata/data/base.kld")
	if err != nil {
		t.Fatal(err)
	}
	bench(t, map[string]string{"cut.kld": string(good[:len(good)-1]), "no.kld": "GGUF and so on, and so on", "broken.kld": string(bytes.Replace(good, good[532:540], []byte("\xff\xff\xff\x7f\xff\xff\xff\x7f"), 1))})
	for _, c := range []struct{ data, step, want string }{
		{"{logits: none.kld}", "models: [m]", "none.kld does not exist"},
		{"{logits: testdata/data/base.kld, length: 4}", "models: [m]", "length means nothing for a logits"},
		{"{logits: testdata/data/base.kld, text: a.txt}", "models: [m]", "both text and logits are given"},
		{"{logits: no.kld}", "models: [m]", "data d: no.kld: it is no file of log probabilities that llama-perplexity --kl-divergence-base wrote"},
		{"{logits: cut.kld}", "models: [m]", "cut.kld: it has 62451 bytes, and 4 chunks of 32 tokens of a vocabulary of 512 take 62452: truncated or damaged"},
		{"{logits: broken.kld}", "models: [m]", "data d: broken.kld: chunk 0, row 0: a log probability of NaN: damaged"},
		{"{logits: testdata/data/base.kld}", "reference: m, models: [m]", "its logits are those of a reference already: remove reference: m"},
		{"{logits: testdata/data/base.kld}", "models: [m], protocol: gptq", "its logits are of the protocol llama.cpp: remove protocol: gptq"},
		{"{logits: testdata/data/base.kld}", "models: [n]", "its logits are of a vocabulary of 512 tokens, and model n has 291: they are another model's"},
		{"{logits: testdata/data/base.kld, samples: 5}", "models: [m]", "it holds 4 chunks of 32 tokens, and 5 samples are asked for"},
		{"{text: testdata/data/short.txt}", "models: [m]", "it holds nothing of a reference: say reference: MODEL in the step, or take data with logits"},
	} {
		model := "m: testdata/models/base"
		if strings.Contains(c.step, "[n]") {
			model = "n: testdata/mergekit-tokenizer/models/ta"
		}
		put(t, "r.yaml", []byte(strings.Replace(head, "MODEL", model, 1)+c.data+"\nsteps: {a: {op: evaluate.kl, data: d, "+c.step+"}}\n"))
		if code, _, stderr := roux("run", "r.yaml"); code == exitDone || !strings.Contains(stderr, c.want) || !strings.Contains(stderr, "r.yaml:") {
			t.Errorf("%s with %s: exit %d, want %q:\n%s", c.data, c.step, code, c.want, stderr)
		}
	}
	put(t, "r.yaml", []byte(strings.Replace(head, "MODEL", "m: testdata/models/base", 1)+"{logits: testdata/data/base.kld}\nsteps: {a: {op: evaluate.perplexity, data: d, models: [m]}}\n"))
	if _, _, stderr := roux("run", "r.yaml"); !strings.Contains(stderr, "data d: it holds no texts") {
		t.Error(stderr)
	}
	put(t, "new/.left.kld.roux-tmp", []byte("of a killed run"))
	if code, _, stderr := roux("logits", "testdata/models/base", "--text", "testdata/data/short.txt", "-o", "new/left.kld", "--length", "64", "--chunks", "2"); code != exitDone {
		t.Errorf("exit %d %s", code, stderr)
	}
	if left, _ := os.ReadDir("new"); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
	if code, _, stderr := roux("logits", "testdata/models/base", "--text", "testdata/data/short.txt", "-o", "y.kld", "--length", "64", "--memory", "1MB"); code != exitFailed || !strings.Contains(stderr, "and the budget is 1.0 MB: raise --memory") {
		t.Errorf("exit %d %s", code, stderr)
	}
	before, _ := os.ReadDir(".")
	for _, args := range [][]string{{"--text", "testdata/data/short.txt", "-o", "x.kld", "--length", "4000"}, {"--text", "none.txt", "-o", "x.kld"}, {"--text", "testdata/data/short.txt"}, {"--text", "testdata/data/short.txt", "-o", "x.kld", "--length", "64", "--chunks", "9000"}} {
		if code, _, stderr := roux(append([]string{"logits", "testdata/models/base"}, args...)...); code == exitDone || stderr == "" {
			t.Errorf("%v: exit %d %s", args, code, stderr)
		}
	}
	if code, _, stderr := roux("logits", "testdata/models/base", "--text", "testdata/data/short.txt", "-o", "no.kld"); code != exitRecipe || !strings.Contains(stderr, "no.kld exists: choose another path, or remove it") {
		t.Errorf("exit %d %s", code, stderr)
	}
	if text, err := os.ReadFile("no.kld"); err != nil || string(text) != "GGUF and so on, and so on" {
		t.Errorf("the file was touched: %q %v", text, err)
	}
	if after, _ := os.ReadDir("."); len(after) != len(before) {
		t.Errorf("left behind: %v", after)
	}
}
