package main

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rouxml/roux/loaders/safetensors"
	"github.com/rouxml/roux/loaders/tokenizer"
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/vocab"
)

// tokenizerGoldens is what mergekit 0.1.5 wrote where it merged tokenizers; its
// README says what the files of each case are.
const tokenizerGoldens = "../../testdata/mergekit-tokenizer"

// TestMergekitTokenizerGoldens runs mergekit files that merge vocabularies: the
// tokens, each token's rows, the config and the template are mergekit's. The
// numbers of tokens that come from other models are not, for mergekit's differ
// from run to run.
func TestMergekitTokenizerGoldens(t *testing.T) {
	cases, err := os.ReadDir(filepath.Join(tokenizerGoldens, "cases"))
	if err != nil {
		t.Fatal(err)
	}
	if len(cases) != 10 {
		t.Fatalf("%d cases", len(cases))
	}
	cache := t.TempDir()
	for _, c := range cases {
		t.Run(c.Name(), func(t *testing.T) { tokenizerGolden(t, c.Name(), cache) })
	}
}

func tokenizerGolden(t *testing.T, name, cache string) {
	out := filepath.Join(t.TempDir(), "out")
	t.Chdir(tokenizerGoldens)
	var stdout, stderr bytes.Buffer
	if code := Main([]string{"run", filepath.Join("cases", name, "config.yml"), "--out", out, "--cache", cache}, &stdout, &stderr); code != 0 {
		t.Fatalf("exit %d\n%s", code, stderr.String())
	}
	own := filepath.Join("cases", name)
	weights := own
	switch name {
	case "chat_template_builtin", "chat_template_literal":
		weights = filepath.Join("cases", "tokenizer_source_base")
	case "chat_template_auto":
		weights = filepath.Join("cases", "tokenizer_source_union")
	}
	got, want := readVocab(t, filepath.Join(out, "tokenizer.json")), readVocab(t, filepath.Join(weights, "expected.tokenizer.json"))
	compareVocab(t, got, want, name)
	compareRows(t, name, out, filepath.Join(weights, "expected.model.safetensors"), got, want)
	compareConfig(t, out, filepath.Join(own, "expected.config.json"))
	compareTemplate(t, name, out, own)
	compareEncoding(t, name, out, got)
}

// compareEncoding cuts texts with the tokenizer that was written: the tokens
// are those into which the tokenizers package 0.23.3 cuts them with mergekit's.
func compareEncoding(t *testing.T, name, out string, v *vocab.Tokenizer) {
	t.Helper()
	raw, err := os.ReadFile("tokens.json")
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Texts  []string
		Tokens map[string][][]string
	}
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(filepath.Join(out, "tokenizer.json"))
	if err != nil {
		t.Fatal(err)
	}
	enc, err := tokenizer.Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	for i, text := range want.Texts {
		ids, err := enc.Encode(text, tokenizer.Options{Add: true, Parse: true})
		if err != nil {
			t.Fatal(err)
		}
		tokens := make([]string, len(ids))
		for k, id := range ids {
			tokens[k], _ = v.Text(int(id))
		}
		if !slices.Equal(tokens, want.Tokens[name][i]) {
			t.Errorf("%q is cut into %q, want %q", text, tokens, want.Tokens[name][i])
		}
	}
}

func readVocab(t *testing.T, path string) *vocab.Tokenizer {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	v, err := vocab.Parse(text)
	if err != nil {
		t.Fatal(path, err)
	}
	return v
}

// compareVocab holds the tokens with their flags to mergekit's, and the ids to
// those of the base, or where one model's tokenizer was taken, all of them.
func compareVocab(t *testing.T, got, want *vocab.Tokenizer, name string) {
	t.Helper()
	if got.Len() != want.Len() || got.Size() != want.Size() {
		t.Errorf("%d tokens up to %d, want %d up to %d", got.Len(), got.Size(), want.Len(), want.Size())
	}
	base := readVocab(t, filepath.Join("models", "ta", "tokenizer.json"))
	for _, w := range want.Tokens() {
		id, ok := got.ID(w.Text)
		if !ok {
			t.Errorf("no token %q", w.Text)
			continue
		}
		_, ofBase := base.ID(w.Text)
		if (ofBase || name == "tokenizer_model") && id != w.ID {
			t.Errorf("token %q has the id %d, want %d", w.Text, id, w.ID)
		}
		if g := find(got.Added(), w.Text); (g == nil) != (w.Added == nil) {
			t.Errorf("token %q: added is %v", w.Text, g != nil)
		} else if g != nil {
			same := *g
			same.ID = w.Added.ID
			if same != *w.Added {
				t.Errorf("token %q is %+v, want %+v", w.Text, same, *w.Added)
			}
		}
	}
}

func find(list []vocab.Added, text string) *vocab.Added {
	if i := slices.IndexFunc(list, func(a vocab.Added) bool { return a.Content == text }); i >= 0 {
		return &list[i]
	}
	return nil
}

// compareRows compares tensors by token, where they have a row for each.
func compareRows(t *testing.T, name, out, expected string, got, want *vocab.Tokenizer) {
	t.Helper()
	g, err := safetensors.OpenDir(out)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	w, err := safetensors.Open(expected)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if n := len(g.Infos()); n != 21 {
		t.Errorf("%d tensors, want 21", n)
	}
	for _, info := range w.Infos() {
		x, ok := g.Tensor(info.Name)
		if !ok || !x.Info().Shape.Equal(info.Shape) || x.Info().DType != info.DType {
			t.Errorf("%s: have %v, want %v", info.Name, x, info)
			continue
		}
		y, _ := w.Tensor(info.Name)
		a, b := values(t, x), values(t, y)
		if strings.Contains(info.Name, "embed") || strings.Contains(info.Name, "lm_head") {
			a = reordered(a, info, got, want)
		}
		largest := 0.0
		for _, v := range b {
			largest = math.Max(largest, abs(v))
		}
		allowed := 1e-6 * largest
		if strings.Contains(name, "slerp") {
			allowed *= 2
		}
		for i := range b {
			if math.Abs(float64(a[i])-float64(b[i])) > allowed {
				t.Errorf("%s: row %d is off: %v, want %v", info.Name, i/info.Shape.Cols(), a[i], b[i])
				break
			}
		}
	}
}

// reordered puts our rows where mergekit has the same tokens.
func reordered(a []float32, info tensor.Info, got, want *vocab.Tokenizer) []float32 {
	cols, out := info.Shape.Cols(), slices.Clone(a)
	for _, w := range want.Tokens() {
		if id, ok := got.ID(w.Text); ok {
			copy(out[w.ID*cols:(w.ID+1)*cols], a[id*cols:])
		}
	}
	return out
}

// compareTemplate wants mergekit's template to the letter; built-in ones are
// our own and compared by what they print, in the oracle.
func compareTemplate(t *testing.T, name, out, own string) {
	t.Helper()
	got, err := os.ReadFile(filepath.Join(out, "chat_template.jinja"))
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join(own, "expected.chat_template.jinja"))
	if err != nil {
		t.Fatal(err)
	}
	if name != "chat_template_builtin" && strings.TrimSpace(string(got)) != strings.TrimSpace(string(want)) {
		t.Errorf("template is %q, want %q", got, want)
	}
}
