package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rouxml/roux/loaders/safetensors"
	"github.com/rouxml/roux/tensor"
)

// TestMergekitGrammar runs files that go into the corners of mergekit's grammar
// over tiny models, and those that keep its defects, and holds the results to
// mergekit's own: float32 within 1e-6 of the tensor's largest magnitude, slerp
// 2e-6, bfloat16 within one step.
func TestMergekitGrammar(t *testing.T) {
	t.Chdir(filepath.Join(goldens, "grammar"))
	cases, err := os.ReadDir("cases")
	if err != nil {
		t.Fatal(err)
	}
	if len(cases) < 14 {
		t.Fatalf("only %d cases", len(cases))
	}
	cache := t.TempDir()
	for _, c := range cases {
		t.Run(c.Name(), func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out")
			var stdout, stderr bytes.Buffer
			if code := Main([]string{"run", filepath.Join("cases", c.Name(), "config.yml"), "--out", out, "--cache", cache}, &stdout, &stderr); code != 0 {
				t.Fatalf("exit %d\n%s", code, stderr.String())
			}
			equalModels(t, out, filepath.Join("cases", c.Name()))
			if c.Name() == "mixed_dtypes" {
				return // mergekit's config.json has the dtype of the base, which is not that of the tensors
			}
			compareConfig(t, out, filepath.Join("cases", c.Name(), "expected.config.json"))
			for _, part := range []string{"text_config", "vision_config"} {
				comparePart(t, out, filepath.Join("cases", c.Name(), "expected.config.json"), part)
			}
		})
	}
}

// comparePart compares what a config says of one tower's layers.
func comparePart(t *testing.T, out, expected, part string) {
	t.Helper()
	count := func(path string) any {
		var config map[string]map[string]any
		_ = json.Unmarshal(read(t, path), &config) // other keys are no objects
		return config[part]["num_hidden_layers"]
	}
	if got, want := count(filepath.Join(out, "config.json")), count(expected); got != want {
		t.Errorf("%s has %v layers, want %v", part, got, want)
	}
}

func equalModels(t *testing.T, out, expected string) {
	t.Helper()
	got, err := safetensors.OpenDir(out)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Close()
	want, err := safetensors.Open(filepath.Join(expected, "expected.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer want.Close()
	if g, w := len(got.Infos()), len(want.Infos()); g != w {
		t.Errorf("%d tensors, want %d", g, w)
	}
	for _, info := range want.Infos() {
		g, ok := got.Tensor(info.Name)
		w, _ := want.Tensor(info.Name)
		switch {
		case !ok:
			t.Errorf("no tensor %s", info.Name)
		case g.Info().DType != info.DType || !g.Info().Shape.Equal(info.Shape):
			t.Errorf("%s: %s %v, want %s %v", info.Name, g.Info().DType, g.Info().Shape, info.DType, info.Shape)
		default:
			near(t, info, values(t, g), values(t, w))
		}
	}
}

func near(t *testing.T, info tensor.Info, x, y []float32) {
	t.Helper()
	largest, off := 0.0, 0
	for _, v := range y {
		largest = max(largest, abs(v))
	}
	for i := range y {
		allowed := 2e-6 * largest
		if info.DType == tensor.BF16 {
			allowed = step(abs(y[i]), 8)
		}
		if abs(x[i]-y[i]) > allowed {
			off++
		}
	}
	if off > 0 {
		t.Errorf("%s: %d of %d elements are off", info.Name, off, len(y))
	}
}

// TestImportedFilesRunAlike: a recipe made of a mergekit file writes the same
// weights and config, from another folder too, and keeps the comments.
func TestImportedFilesRunAlike(t *testing.T) {
	root, err := filepath.Abs(goldens)
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{root, filepath.Join(root, "grammar")} {
		cases, err := os.ReadDir(filepath.Join(dir, "cases"))
		if err != nil {
			t.Fatal(err)
		}
		cache := t.TempDir()
		for _, c := range cases {
			t.Run(c.Name(), func(t *testing.T) {
				t.Chdir(dir)
				importedAlike(t, filepath.Join("cases", c.Name(), "config.yml"), cache)
			})
		}
	}
}

func importedAlike(t *testing.T, file, cache string) {
	dir := t.TempDir()
	recipe := filepath.Join(dir, "recipe.yaml")
	code, _, stderr := roux("import", file, "--out", recipe)
	if code != exitDone {
		t.Fatalf("import: exit %d\n%s", code, stderr)
	}
	for _, c := range []struct{ file, out string }{{file, "direct"}, {recipe, "imported"}} {
		if code, _, stderr := roux("run", c.file, "--out", filepath.Join(dir, c.out), "--cache", cache, "-q"); code != exitDone {
			t.Fatalf("run %s: exit %d\n%s", c.out, code, stderr)
		}
	}
	for _, name := range []string{"model.safetensors", "config.json"} {
		if !bytes.Equal(read(t, filepath.Join(dir, "direct", name)), read(t, filepath.Join(dir, "imported", name))) {
			t.Errorf("%s differs", name)
		}
	}
	text := read(t, recipe)
	for _, line := range bytes.Split(read(t, file), []byte("\n")) {
		if _, comment, ok := bytes.Cut(line, []byte("# ")); ok && !bytes.Contains(text, bytes.TrimSpace(comment)) {
			t.Errorf("the comment %q is lost", comment)
		}
	}
}

// TestCompatMatters: without compat: mergekit the defects are mended, so that
// other numbers come out.
func TestCompatMatters(t *testing.T) {
	t.Chdir(filepath.Join(goldens, "grammar"))
	files, err := filepath.Glob("cases/*/config.yml")
	if err != nil {
		t.Fatal(err)
	}
	cache, checked := t.TempDir(), 0
	for _, file := range files {
		text := read(t, file)
		if !bytes.Contains(text, []byte("compat: mergekit")) {
			continue
		}
		checked++
		dir := t.TempDir()
		put(t, filepath.Join(dir, "m.yml"), bytes.Replace(text, []byte("compat: mergekit"), nil, 1))
		for _, args := range [][]string{{"run", filepath.Join(dir, "m.yml"), "-o", filepath.Join(dir, "mended")}, {"run", filepath.Join(dir, "m.yml"), "-o", filepath.Join(dir, "kept"), "--compat", "mergekit"}, {"run", file, "-o", filepath.Join(dir, "as-is")}} {
			if code, _, stderr := roux(append(args, "--cache", cache)...); code != exitDone {
				t.Fatalf("%v: exit %d\n%s", args, code, stderr)
			}
		}
		weights := func(out string) []byte { return read(t, filepath.Join(dir, out, "model.safetensors")) }
		if bytes.Equal(weights("mended"), weights("as-is")) {
			t.Errorf("%s: compat changes nothing", file)
		}
		if !bytes.Equal(weights("kept"), weights("as-is")) {
			t.Errorf("%s: --compat is not the key", file)
		}
	}
	if checked < 5 {
		t.Errorf("only %d files with compat", checked)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestSaidInMergekit: where a recipe can be said as a mergekit file, that file
// lies beside its output and runs to the same weights.
func TestSaidInMergekit(t *testing.T) {
	root, err := filepath.Abs(goldens)
	if err != nil {
		t.Fatal(err)
	}
	said := 0
	cache := t.TempDir()
	for _, dir := range []string{root, filepath.Join(root, "grammar")} {
		cases, err := os.ReadDir(filepath.Join(dir, "cases"))
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range cases {
			t.Run(c.Name(), func(t *testing.T) {
				here := t.TempDir()
				for _, name := range []string{"models", "cases"} {
					if err := os.Symlink(filepath.Join(dir, name), filepath.Join(here, name)); err != nil {
						t.Fatal(err)
					}
				}
				t.Chdir(here)
				if saidAlike(t, filepath.Join("cases", c.Name(), "config.yml"), cache) {
					said++
				}
			})
		}
	}
	if said < 35 {
		t.Errorf("only %d recipes are said in mergekit's language", said)
	}
}

func saidAlike(t *testing.T, file, cache string) bool {
	for _, args := range [][]string{{"import", file, "--out", "r.yaml"}, {"run", "r.yaml", "--out", "recipe", "--cache", cache}} {
		if code, _, stderr := roux(args...); code != exitDone {
			t.Fatalf("%v: exit %d\n%s", args, code, stderr)
		}
	}
	text, err := os.ReadFile("recipe/mergekit_config.yml")
	if err != nil {
		return false
	}
	put(t, "said.yml", text)
	if code, _, stderr := roux("run", "said.yml", "--out", "said", "--cache", cache); code != exitDone {
		t.Fatalf("exit %d\n%s\n%s", code, stderr, text)
	}
	for _, name := range []string{"model.safetensors", "config.json"} {
		if !bytes.Equal(read(t, "recipe/"+name), read(t, "said/"+name)) {
			t.Errorf("%s differs, said as\n%s", name, text)
		}
	}
	return true
}

// TestImportCasts: an imported recipe casts the models that have another dtype
// than the file says, and no others.
func TestImportCasts(t *testing.T) {
	models, err := filepath.Abs("../../testdata/models")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, c := range []struct {
		base, keys string
		want       int
	}{
		{models + "/sums", "dtype: bfloat16", 0},
		{models + "/sums", "dtype: torch.bfloat16\nout_dtype: bfloat16", 0},
		{models + "/sums", "dtype: bfloat16\nout_dtype: float32", 1},
		{models + "/sums", "dtype: float32", 2},
		{"some/where", "dtype: bfloat16", 1}, // on the Hub: its dtype is not known
	} {
		file := filepath.Join(dir, "m.yml")
		put(t, file, []byte("models: # two\n- {model: "+c.base+", parameters: {weight: 1}}\n- {model: "+models+"/lists, parameters: {weight: 1}}\nmerge_method: linear\n"+c.keys+" # in this dtype\n"))
		code, stdout, stderr := roux("import", file)
		if got := strings.Count(stdout, "op: edit.cast"); code != exitDone || got != c.want {
			t.Errorf("%s %s: exit %d, %d casts, want %d\n%s%s", c.base, c.keys, code, got, c.want, stdout, stderr)
		}
		if !strings.Contains(stdout, "# in this dtype") {
			t.Errorf("%s: the comment is lost:\n%s", c.keys, stdout)
		}
	}
}
