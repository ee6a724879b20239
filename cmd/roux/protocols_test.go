package main

import (
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"
)

const protocolsRecipe = `roux: 1
models: {base: testdata/models/base, sums: testdata/models/sums, lists: testdata/models/lists}
data:
  quiz: {task: testdata/data/quiz.task.yaml}
  free: {task: testdata/data/sums.task.yaml, samples: 30}
  chunks: {text: testdata/data/sums.held.txt, length: 64, samples: 12}
  begin: {text: testdata/data/sums.held.txt, length: 64, samples: 8}
  two: {text: testdata/data/sums.held.txt, length: 64, samples: 2}
  prose: {text: testdata/data/prose.held.txt, length: 64, samples: 8}
  of200: {text: testdata/data/short.txt, length: 200}
  of128: {text: testdata/data/short.txt, length: 128}
  of192: {text: testdata/data/short.txt, length: 192}
  of100: {text: testdata/data/short.txt, length: 100}
  pairs: {text: testdata/data/pairs.csv}
steps:
  choice: {op: evaluate.choice, models: [base, sums, lists], data: quiz}
  generate: {op: evaluate.generate, models: [base, sums, lists], data: free}
  kl: {op: evaluate.kl, reference: base, models: [sums, lists, base], data: chunks}
  hf-stride: {op: evaluate.perplexity, models: [base], data: of200, protocol: hf-stride, stride: 77}
  llama.cpp: {op: evaluate.perplexity, models: [base], data: of128, protocol: llama.cpp}
  gptq: {op: evaluate.perplexity, models: [base], data: of192, protocol: gptq}
  rolling: {op: evaluate.perplexity, models: [base], data: of100, protocol: rolling}
  probabilities: {op: evaluate.combine, models: [{model: sums, weight: 3}, lists], data: begin}
  logits: {op: evaluate.combine, models: [{model: sums, weight: 3}, lists], data: begin, how: logits}
  entropy: {op: evaluate.combine, models: [{model: sums, weight: 3}, lists], data: begin, how: entropy}
  window: {op: evaluate.combine, models: [{model: sums, weight: 3}, lists], data: begin, how: entropy, over: window}
  fitted: {op: evaluate.combine, models: [sums, lists], data: begin, how: fitted, fit: prose}
  gated: {op: evaluate.combine, models: [sums, lists], data: prose, how: gated, fit: prose}
  constant: {op: evaluate.combine, models: [sums, lists], data: prose, how: fitted, fit: prose}
  dynamic: {op: evaluate.combine, models: [lists, sums], data: two, how: dynamic, base: base}
  experts: {op: evaluate.combine, models: [base, sums, lists], data: two, how: dynamic, base: base}
  hidden: {op: evaluate.hidden, models: [base, sums], data: begin}
  embed: {op: evaluate.embed, models: [base], data: pairs, first: question, second: answer, score: length}
`

// TestProtocols: every op comes to what torch and scipy do by the definitions
// (testdata/data/golden.py).
func TestProtocols(t *testing.T) {
	bench(t, map[string]string{"r.yaml": protocolsRecipe})
	text, err := os.ReadFile("testdata/data/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Choice, KL, Perplexity           map[string]map[string]float64
		Generate, Combine, Hidden, Embed map[string]float64
		Share                            float64
	}
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	got, _ := measured(t, "r.yaml")
	holds := func(step, model, name string, v float64) {
		t.Helper()
		g, ok := got[step].Values[model][name]
		// Differences of probabilities and cosines lose digits; 2e-5 of one is theirs.
		if tolerance := 2e-5 * math.Max(1, math.Abs(v)); !ok || !(math.Abs(g-v) <= tolerance) {
			t.Errorf("%s.%s.%s is %v, want %v", step, model, name, g, v)
		}
	}
	all := func(step, model string, values map[string]float64) {
		t.Helper()
		for name, v := range values {
			holds(step, model, name, v)
		}
	}
	for _, model := range []string{"base", "sums", "lists"} {
		all("choice", model, want.Choice[model])
		holds("generate", model, "exact_match", want.Generate[model])
	}
	all("kl", "sums", want.KL["sums"])
	all("kl", "lists", want.KL["lists"])
	all("kl", "base", map[string]float64{"kl": 0, "kl_max": 0, "same_top": 1, "dp_rms": 0, "ln_ratio": 0})
	for protocol, values := range want.Perplexity {
		all(protocol, "base", values)
	}
	for how, v := range want.Combine {
		holds(how, "combined", "perplexity", v)
	}
	holds("fitted", "sums", "share", want.Share)
	nll := func(step string) float64 { return got[step].Values["combined"]["nll"] }
	if !(nll("gated") < nll("constant")) {
		t.Errorf("on what it was fitted to a gate has %v, and weights that see nothing %v", nll("gated"), nll("constant"))
	}
	all("hidden", "sums", want.Hidden)
	all("embed", "base", want.Embed)
	for step, m := range got {
		if !strings.Contains(m.Protocol, "tokenizer ") {
			t.Errorf("step %s has the protocol %q", step, m.Protocol)
		}
	}
}

const harnessRecipe = `roux: 1
models: {base: testdata/models/base, sums: testdata/models/sums, lists: testdata/models/lists}
data: {quiz: {task: testdata/data/quiz.task.yaml}, shots: {task: testdata/data/shots.task.yaml}, sums: {task: testdata/data/sums.task.yaml}}
steps:
  on_quiz: {op: evaluate.choice, models: [base, sums, lists], data: quiz}
  on_shots: {op: evaluate.choice, models: [base, sums, lists], data: shots}
  on_sums: {op: evaluate.generate, models: [base, sums, lists], data: sums}
`

// TestHarness: the tasks come to what lm-evaluation-harness makes of the same
// files and models (.ci/oracle_lmeval.py --write).
func TestHarness(t *testing.T) {
	bench(t, map[string]string{"r.yaml": harnessRecipe})
	text, err := os.ReadFile("testdata/data/lmeval.json")
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Tasks map[string]map[string]map[string]float64
	}
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	got, _ := measured(t, "r.yaml")
	n := 0
	for task, models := range want.Tasks {
		for model, values := range models {
			for name, v := range values {
				n++
				if g, ok := got["on_"+task].Values[model][name]; !ok || !(math.Abs(g-v) <= 1e-12) {
					t.Errorf("%s of %s: %s is %v, lm-eval has %v", task, model, name, g, v)
				}
			}
		}
	}
	if n != 30 {
		t.Errorf("%d metrics, want 30", n)
	}
}
