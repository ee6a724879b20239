package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rouxml/roux/engine"
	"github.com/rouxml/roux/tensor/kernel"
)

// measured runs a recipe and returns its metrics by step, model and name.
func measured(t *testing.T, args ...string) (map[string]engine.Measured, engine.RunDone) {
	t.Helper()
	code, stdout, stderr := roux(append([]string{"run", "--json"}, args...)...)
	if code != exitDone {
		t.Fatalf("exit %d\n%s%s", code, stdout, stderr)
	}
	return eventsOf(t, stdout)
}

// eventsOf reads what a run with --json says of its metrics.
func eventsOf(t *testing.T, stdout string) (map[string]engine.Measured, engine.RunDone) {
	t.Helper()
	out := map[string]engine.Measured{}
	var done engine.RunDone
	for d := json.NewDecoder(strings.NewReader(stdout)); d.More(); {
		var line struct {
			Event string
			Data  json.RawMessage
		}
		var m engine.Measured
		if err := d.Decode(&line); err != nil {
			t.Fatal(err)
		}
		switch line.Event {
		case "Measured":
			if err := json.Unmarshal(line.Data, &m); err != nil {
				t.Fatal(err)
			}
			out[m.Step] = m
		case "RunDone":
			if err := json.Unmarshal(line.Data, &done); err != nil {
				t.Fatal(err)
			}
		}
	}
	return out, done
}

const scoresRecipe = `roux: 1
models:
  base: testdata/models/base
  sums: testdata/models/sums
  lists: testdata/models/lists
  sums-lora: testdata/models/base+testdata/models/sums-lora
  base-rounded: rounded/base
  sums-rounded: rounded/sums
  lists-rounded: rounded/lists
data:
  prose: {text: testdata/data/prose.held.txt, length: 255, samples: 24}
  sums: {text: testdata/data/sums.held.txt, length: 255, samples: 24}
  lists: {text: testdata/data/lists.held.txt, length: 255, samples: 24}
steps:
  on_prose: {op: evaluate.perplexity, models: &all [base, sums, lists, sums-lora, base-rounded, sums-rounded, lists-rounded], data: prose}
  on_sums: {op: evaluate.perplexity, models: *all, data: sums}
  on_lists: {op: evaluate.perplexity, models: *all, data: lists}
`

// TestPerplexityOfTrainedModels: text, tokenizer, windows and forward pass
// together come to what torch computes in float32 with the models as they are
// loaded, and to what scores.json of the models records. Its base, sums and
// lists had been rounded to bfloat16 as whole modules, their tables of
// frequencies too, which is 0.203 % for lists on sums; sums-lora had not, but
// its score is of an adapter that is not merged into the base's bfloat16.
func TestPerplexityOfTrainedModels(t *testing.T) {
	bench(t, map[string]string{"r.yaml": scoresRecipe})
	for _, model := range []string{"base", "sums", "lists"} {
		roundFrequencies(t, "testdata/models/"+model, "rounded/"+model)
	}
	got, _ := measured(t, "r.yaml")
	for _, c := range []struct {
		from                       string
		prose, sums, lists, within float64
	}{
		{"base", 19.581911854, 4.644971829, 5.817871262, 2e-6},
		{"sums", 21.512553658, 3.757780493, 20.926613135, 2e-6},
		{"lists", 22.024428813, 8950.172256953, 3.285949436, 2e-6},
		{"base-rounded", 19.5823, 4.6437, 5.8179, 2e-5},
		{"sums-rounded", 21.5128, 3.7582, 20.9298, 2e-5},
		{"lists-rounded", 22.0242, 8932.0235, 3.2861, 2e-5},
		{"sums-lora", 20.433908079, 4.001818827, 6.537074983, 2e-6},
		{"sums-lora", 20.4345, 4.0016, 6.5364, 2e-4},
	} {
		for domain, want := range map[string]float64{"prose": c.prose, "sums": c.sums, "lists": c.lists} {
			if v := got["on_"+domain].Values[c.from]["perplexity"]; math.Abs(v/want-1) > c.within {
				t.Errorf("%s on %s: perplexity %.8f, torch has %.8f", c.from, domain, v, want)
			}
		}
	}
	if p := got["on_sums"].Protocol; !strings.HasPrefix(p, "perplexity begin/1, length 255, tokenizer ") {
		t.Errorf("protocol %q", p)
	}
}

// roundFrequencies copies a model of 64 columns a head whose config says the
// frequencies of its rotation as bfloat16 rounds them, by longrope's factors.
func roundFrequencies(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(to, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	var config map[string]any
	if err := json.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	var factors []float64
	for i := range 32 {
		plain := []float32{1 / float32(math.Pow(1e4, float64(i)/32))}
		rounded := []float32{plain[0]}
		kernel.RoundBF16(rounded)
		factors = append(factors, float64(plain[0])/float64(rounded[0]))
	}
	config["rope_parameters"] = map[string]any{"rope_type": "longrope", "rope_theta": 1e4, "attention_factor": 1, "short_factor": factors, "long_factor": factors}
	if text, err = json.Marshal(config); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(to, "config.json"), text)
}

// evaluationRecipe evaluates models that are computed on the way, by every op.
const evaluationRecipe = `roux: 1
seed: 3
models: {base: testdata/models/base, sums: testdata/models/sums, lists: testdata/models/lists}
data:
  text: {text: testdata/data/sums.held.txt, length: 64, samples: 6, seed: 5}
  quiz: {task: testdata/data/quiz.task.yaml, samples: 8, seed: 1}
  free: {task: testdata/data/sums.task.yaml, samples: 3}
steps:
  merged: {op: merge.ties, base: base, models: [sums, lists], density: 0.5}
  low: {op: lowrank.svd, model: merged, rank: 16, where: kind == "mlp.down"}
  w8: {op: quantize.rtn, model: merged, bits: 8, group_size: 64}
  ppl: {op: evaluate.perplexity, models: [base, merged, low, w8], data: text, protocol: hf-stride, stride: 24}
  kl: {op: evaluate.kl, reference: base, models: [merged, w8], data: text}
  choice: {op: evaluate.choice, models: [base, low], data: quiz}
  generate: {op: evaluate.generate, models: [w8], data: free}
  combine: {op: evaluate.combine, models: [base, low], data: text}
  gated: {op: evaluate.combine, models: [base, low], data: text, how: gated, fit: text}
  dynamic: {op: evaluate.combine, models: [w8, low], data: text, how: dynamic, base: base}
  hidden: {op: evaluate.hidden, models: [base, w8], data: text}
`

// TestEvaluationIsTheSame: the same metrics bit for bit for any number of
// workers and any budget; a second run computes nothing, and one in which a
// model changed runs that model alone.
func TestEvaluationIsTheSame(t *testing.T) {
	bench(t, map[string]string{"r.yaml": evaluationRecipe})
	want, _ := measured(t, "r.yaml", "--cache", "first")
	for i, args := range [][]string{{"--workers", "1"}, {"--workers", "2", "--memory", "64MB"}, {"--workers", "5", "--memory", "300MB"}} {
		got, _ := measured(t, append([]string{"r.yaml", "--cache", fmt.Sprint("other", i)}, args...)...)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%v changes the metrics:\n%s", args, d)
		}
	}
	again, done := measured(t, "r.yaml", "--cache", "first")
	for step, m := range again {
		if d := cmp.Diff(want[step].Values, m.Values); d != "" || !m.Hit {
			t.Errorf("%s: again: hit %v\n%s", step, m.Hit, d)
		}
	}
	if done.Computed != 0 {
		t.Errorf("a second run computes %d blocks", done.Computed)
	}
	put(t, "r.yaml", []byte(strings.Replace(evaluationRecipe, "bits: 8", "bits: 4", 1)))
	changed, done := measured(t, "r.yaml", "--cache", "first")
	if changed["ppl"].Values["w8"]["nll"] == want["ppl"].Values["w8"]["nll"] || changed["ppl"].Values["low"]["nll"] != want["ppl"].Values["low"]["nll"] {
		t.Errorf("%v", changed["ppl"].Values)
	}
	if done.Hits < 3 {
		t.Errorf("only %d results came from the cache when one of four models changed", done.Hits)
	}
}

// TestDrawsOfEachName: two entries that draw from one file draw each its own
// samples, whatever the cache holds of the other.
func TestDrawsOfEachName(t *testing.T) {
	files := map[string]string{}
	for _, name := range []string{"one", "two"} {
		files[name+".yaml"] = `roux: 1
models: {m: testdata/models/base}
data: {` + name + `: {text: testdata/data/short.txt, length: 8, samples: 3, seed: 1}}
steps: {p: {op: evaluate.perplexity, models: [m], data: ` + name + `}}
`
	}
	bench(t, files)
	shared := t.TempDir()
	for _, name := range []string{"one", "two"} {
		alone, _ := measured(t, name+".yaml", "--cache", t.TempDir())
		beside, _ := measured(t, name+".yaml", "--cache", shared)
		if d := cmp.Diff(alone["p"].Values, beside["p"].Values); d != "" {
			t.Errorf("%s, with what the other left in the cache:\n%s", name, d)
		}
	}
}

// TestWhatIsMeasuredAgain: other data under the same name, another protocol and
// another model are; the same data and model elsewhere are not.
func TestWhatIsMeasuredAgain(t *testing.T) {
	recipe := func(model, data, more string) []byte {
		return []byte("roux: 1\nmodels: {m: " + model + "}\ndata: {d: {text: " + data + ", length: 16, samples: 4}}\nsteps: {p: {op: evaluate.perplexity, models: [m], data: d" + more + "}}\n")
	}
	dir := bench(t, map[string]string{"a.txt": strings.Repeat("in the beginning was the word. ", 20), "b.txt": strings.Repeat("in the beginning was the word. ", 20), "c.txt": strings.Repeat("and the word was with them. ", 20)})
	for _, name := range []string{"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"} {
		text, err := os.ReadFile("testdata/models/base/" + name)
		if err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(dir, "copy", name), text)
		put(t, filepath.Join(dir, "other", name), bytes.Replace(text, []byte(`"rms_norm_eps": 1e-05`), []byte(`"rms_norm_eps": 1e-04`), 1))
	}
	for _, c := range []struct {
		what, model, data, more string
		hit                     bool
	}{
		{"at first", "testdata/models/base", "a.txt", "", false},
		{"again", "testdata/models/base", "a.txt", "", true},
		{"a default spelled out", "testdata/models/base", "a.txt", ", protocol: begin", true},
		{"another protocol", "testdata/models/base", "a.txt", ", protocol: gptq", false},
		{"the same text elsewhere", "testdata/models/base", "b.txt", "", true},
		{"another text", "testdata/models/base", "c.txt", "", false},
		{"a copy of the model without a file that it is run by", "./copy", "a.txt", "", false},
		{"the copy again", "./copy", "b.txt", "", true},
		{"another config", "./other", "a.txt", "", false},
	} {
		put(t, "r.yaml", recipe(c.model, c.data, c.more))
		got, _ := measured(t, "r.yaml")
		if got["p"].Hit != c.hit {
			t.Errorf("%s: from the cache %v, want %v", c.what, got["p"].Hit, c.hit)
		}
	}
	text, err := os.ReadFile("a.txt")
	if err != nil {
		t.Fatal(err)
	}
	put(t, "a.txt", bytes.ToUpper(text))
	put(t, "r.yaml", recipe("testdata/models/base", "a.txt", ""))
	if got, _ := measured(t, "r.yaml"); got["p"].Hit {
		t.Error("a text that was changed in its place has the old metrics")
	}
}
