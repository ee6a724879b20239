package main

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rouxml/roux/loaders/safetensors"
)

// transplants are what mergekit-tokensurgeon 0.1.5 was asked for, as our
// params. transplant.safetensors holds the rows that it made for the tokens
// that only tb has, by tb's ids: ta with tb's tokenizer.
var transplants = map[string]string{
	"omp":              "k: 8",
	"omp3":             "k: 3",
	"near":             "method: common_interpolation, k: 5",
	"near_cosine":      "method: common_interpolation, k: 5, metric: cosine",
	"near_barycentric": "method: common_interpolation, k: 5, weights: barycentric",
	"near_least":       "method: common_interpolation, k: 5, weights: least_squares",
	"mean":             "method: mean",
	"subword":          "method: subword",
	"subword_sum":      "method: subword, pieces: sum",

	"subword_first_last": "method: subword, pieces: first_last",
	"zero":               "method: zero",
	"prefix":             "method: zero, prefix_match: \"yes\", byte_match: \"yes\"",
}

// TestTransplantGoldens: rows of shared tokens are copied, those of others are
// mergekit-tokensurgeon's within 1e-5 of the largest, for it fits in float32;
// tokenizer, size and special ids are the donor's.
func TestTransplantGoldens(t *testing.T) {
	for name, params := range transplants {
		t.Run(name, func(t *testing.T) { transplantGolden(t, name, params) })
	}
}

func transplantGolden(t *testing.T, name, params string) {
	models, err := filepath.Abs(filepath.Join(tokenizerGoldens, "models"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	recipe := fmt.Sprintf("roux: 1\nmodels: {ta: %s/ta, tb: %s/tb}\nsteps:\n  out: {op: tokenizer.transplant, model: ta, donor: tb, %s}\noutputs: {out: {from: out, path: %s/out}}\n", models, models, params, dir)
	if err := os.WriteFile(filepath.Join(dir, "r.yaml"), []byte(recipe), 0o644); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	if code := Main([]string{"run", filepath.Join(dir, "r.yaml"), "--cache", filepath.Join(dir, "cache")}, &stdout, &stderr); code != 0 {
		t.Fatalf("exit %d\n%s", code, stderr.String())
	}
	compareTransplant(t, name, filepath.Join(dir, "out"), models)
}

func compareTransplant(t *testing.T, name, out, models string) {
	t.Helper()
	ours, theirs := readVocab(t, filepath.Join(models, "ta", "tokenizer.json")), readVocab(t, filepath.Join(models, "tb", "tokenizer.json"))
	text, err := os.ReadFile(filepath.Join(out, "tokenizer.json"))
	if want, _ := os.ReadFile(filepath.Join(models, "tb", "tokenizer.json")); err != nil || !bytes.Equal(text, want) {
		t.Errorf("tokenizer.json is not the donor's: %v", err)
	}
	if config, err := os.ReadFile(filepath.Join(out, "config.json")); err != nil || !strings.Contains(string(config), `"vocab_size": 303`) {
		t.Errorf("config.json: %v\n%s", err, config)
	}
	got, old := tensorsOf(t, out), tensorsOf(t, filepath.Join(models, "ta"))
	golden, err := safetensors.Open(filepath.Join(models, "..", "transplant.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer golden.Close()
	for tensorName, part := range map[string]string{"model.embed_tokens.weight": "embed", "lm_head.weight": "head"} {
		var want []float32
		if w, ok := golden.Tensor(name + "." + part); ok {
			want = values(t, w)
		}
		largest, next := 0.0, 0
		for _, v := range want {
			largest = math.Max(largest, abs(v))
		}
		for _, tok := range theirs.Tokens() {
			row := got[tensorName][tok.ID*32 : (tok.ID+1)*32]
			if id, shared := ours.ID(tok.Text); shared {
				if !slices.Equal(row, old[tensorName][id*32:(id+1)*32]) {
					t.Errorf("%s: the row of %q was not copied", tensorName, tok.Text)
				}
				continue
			}
			for j, v := range row {
				w := float32(0)
				if want != nil {
					w = want[next*32+j]
				}
				if math.Abs(float64(v)-float64(w)) > 1e-5*largest {
					t.Fatalf("%s: row of %q is off: [%d] = %v, want %v", tensorName, tok.Text, j, v, w)
				}
			}
			next++
		}
	}
}

// tensorsOf reads a model's tensors by name.
func tensorsOf(t *testing.T, dir string) map[string][]float32 {
	t.Helper()
	m, err := safetensors.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	all := map[string][]float32{}
	for _, info := range m.Infos() {
		x, _ := m.Tensor(info.Name)
		all[info.Name] = values(t, x)
	}
	return all
}
