package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	opsall "github.com/rouxml/roux/ops/all"
)

const measureRecipe = `roux: 1
models: {base: testdata/models/base, sums: testdata/models/sums}
data:
  held: {text: testdata/data/short.txt, length: 64, samples: 4}
  quiz: {task: testdata/data/quiz.task.yaml, samples: 4}
  free: {task: testdata/data/sums.task.yaml, samples: 2}
  pairs: {text: testdata/data/pairs.csv, samples: 4}
steps:
  perplexity: {op: evaluate.perplexity, models: [base, sums], data: held}
  kl: {op: evaluate.kl, reference: base, models: [sums], data: held}
  choice: {op: evaluate.choice, models: [base, sums], data: quiz}
  generate: {op: evaluate.generate, models: [base, sums], data: free}
  hidden: {op: evaluate.hidden, models: [base, sums], data: held}
  embed: {op: evaluate.embed, models: [base], data: pairs, first: question, second: question, score: length}
  combine: {op: evaluate.combine, models: [base, sums], data: held}
  compare: {op: evaluate.compare, reference: base, models: [sums]}
`

// TestMetricsTold: every metric that an op comes to is one that it tells of, to
// which gates are held before anything runs.
func TestMetricsTold(t *testing.T) {
	bench(t, map[string]string{"r.yaml": measureRecipe})
	reg, err := opsall.Registry()
	if err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := roux("run", "r.yaml", "--json")
	if code != exitDone {
		t.Fatal(stderr)
	}
	steps := 0
	for _, line := range strings.Split(stdout, "\n") {
		var e struct {
			Event string
			Data  struct {
				Step   string
				Values map[string]map[string]float64
			}
		}
		if line == "" || json.Unmarshal([]byte(line), &e) != nil || e.Event != "Measured" {
			continue
		}
		steps++
		metrics, joint := reg.Metrics("evaluate." + e.Data.Step)
		for model, values := range e.Data.Values {
			if !slices.Contains([]string{"base", "sums"}, model) && !slices.Contains(joint, model) {
				t.Errorf("%s files metrics under %s", e.Data.Step, model)
			}
			for name := range values {
				if !slices.ContainsFunc(metrics, func(m string) bool {
					begin, open := strings.CutSuffix(m, "*")
					return name == m || open && strings.HasPrefix(name, begin)
				}) {
					t.Errorf("evaluate.%s does not tell of %s", e.Data.Step, name)
				}
			}
		}
	}
	if steps != 8 {
		t.Errorf("%d steps measured", steps)
	}
}
