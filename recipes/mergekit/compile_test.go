package mergekit

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

func documents(text []byte) []*yaml.Node {
	var docs []*yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var doc yaml.Node
		if err := d.Decode(&doc); errors.Is(err, io.EOF) || err != nil {
			return docs
		}
		if len(doc.Content) == 1 && doc.Content[0].Kind == yaml.MappingNode {
			docs = append(docs, doc.Content[0])
		}
	}
}

// compiled is the recipe of a mergekit file, in flow style and without places.
func compiled(t *testing.T, text string, o Options) string {
	t.Helper()
	root, problems, _ := Compile(documents([]byte(text)), "m.yml", o)
	if problems != nil {
		t.Fatal(problems)
	}
	steps := get(root, "steps")
	var b strings.Builder
	for _, s := range pairsOf(steps) {
		s.Value.Style = yaml.FlowStyle
		line, err := yaml.Marshal(s.Value)
		if err != nil {
			t.Fatal(err)
		}
		b.WriteString(s.Key.Value + " " + strings.Join(strings.Fields(string(line)), " ") + "\n")
	}
	return b.String()
}

// TestArceeFusionWidens: under compat the result is float32 unless the file
// says what it shall be.
func TestArceeFusionWidens(t *testing.T) {
	const file = "merge_method: arcee_fusion\nbase_model: a\ndtype: bfloat16\nmodels: [{model: a}, {model: b}]\n"
	for _, c := range []struct {
		text, compat string
		want         bool
	}{{file, "", false}, {file, "mergekit", true}, {file + "out_dtype: bfloat16\n", "mergekit", false}, {strings.Replace(file, "bfloat16", "float64", 1), "mergekit", false}} {
		got := strings.Contains(compiled(t, c.text, Options{Compat: c.compat}), "cast-out {op: edit.cast, model: merged, dtype: float32")
		if got != c.want {
			t.Errorf("compat %q, %q: %v", c.compat, c.text, got)
		}
	}
}

// TestStackNeedsNoCuts: layers that are only moved are one step.
func TestStackNeedsNoCuts(t *testing.T) {
	got := compiled(t, "merge_method: passthrough\nslices:\n- sources: [{model: a, layer_range: [0, 2]}]\n- sources: [{model: b, layer_range: [1, 3]}]\n", Options{})
	if want := "stacked {op: resize.stack, slices: [{model: a, layers: [0, 2]}, {model: b, layers: [1, 3]}], allow_empty: true}\n"; got != want {
		t.Errorf("got %s", got)
	}
}

// TestReferences: what mergekit's forms of a reference come to.
func TestReferences(t *testing.T) {
	here := func(path string) bool { return path == "odd+name@1" }
	for _, c := range []struct{ model, want string }{
		{"a@r+b@s", "a_r_b_s: a@r+b@s"},
		{"odd+name@1", "odd_name_1: odd+name@1"},
		{"{model: a@r, lora: b@s}", "a_r_b_s: {path: a, revision: r, adapter: b, adapter_revision: s}"},
		{"{model: {path: x/a, revision: null}, override_architecture: LlamaForCausalLM}", "a: {path: x/a, architecture: LlamaForCausalLM}"},
	} {
		root, problems, notes := Compile(documents([]byte("merge_method: passthrough\nmodels: [{model: "+c.model+"}]\n")), "m.yml", Options{Exists: here})
		if problems != nil || notes != nil {
			t.Errorf("%s: %v %v", c.model, problems, notes)
			continue
		}
		models := get(root, "models")
		for _, m := range pairsOf(models) {
			m.Value.Style = yaml.FlowStyle
		}
		text, err := yaml.Marshal(models)
		if err != nil || strings.TrimSpace(string(text)) != c.want {
			t.Errorf("%s: %s %v, want %s", c.model, text, err, c.want)
		}
	}
}

// FuzzCompile: whatever the file, it is a recipe or has problems.
func FuzzCompile(f *testing.F) {
	files, err := filepath.Glob("../../testdata/mergekit/*/cases/*/config.yml")
	if err != nil || len(files) == 0 {
		f.Fatalf("no files to begin with: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("merge_method: linear\nmodels:\n  -"))
	f.Add([]byte("merge_method: ties\nmodels: [{model: a, parameters: {normalize: [{filter: x, value: []}], weight: {value: {}}}}]\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		docs := documents(text)
		if len(docs) == 0 || len(text) > 1<<14 || bytes.ContainsAny(text, "*&") { // recipes counts what aliases come to
			return
		}
		root, problems, _ := Compile(docs, "m.yml", Options{Out: "out"})
		if (root == nil) != (problems != nil) {
			t.Errorf("a recipe is there: %v, problems %v", root != nil, problems)
		}
	})
}
