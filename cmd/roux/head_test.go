package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rouxml/roux/engine"
	"github.com/rouxml/roux/loaders/gguf/imatrix"
	"github.com/rouxml/roux/ops"
)

// untie writes the base model once more, with a head of its own that has the
// embedding's values.
func untie(t *testing.T, dir string) {
	t.Helper()
	const from = "testdata/models/base"
	for _, name := range []string{"tokenizer.json", "tokenizer_config.json", "config.json"} {
		text, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(dir, name), bytes.Replace(text, []byte(`"tie_word_embeddings": true`), []byte(`"tie_word_embeddings": false`), 1))
	}
	text, err := os.ReadFile(filepath.Join(from, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	end := 8 + int(binary.LittleEndian.Uint64(text))
	var header map[string]struct {
		DType   string `json:"dtype"`
		Shape   []int  `json:"shape"`
		Offsets [2]int `json:"data_offsets"`
	}
	head, data := text[8:end], text[end:]
	all := map[string]json.RawMessage{}
	if err := json.Unmarshal(head, &all); err != nil {
		t.Fatal(err)
	}
	delete(all, "__metadata__")
	if head, err = json.Marshal(all); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(head, &header); err != nil {
		t.Fatal(err)
	}
	embed := header["model.embed_tokens.weight"]
	row := data[embed.Offsets[0]:embed.Offsets[1]]
	embed.Offsets = [2]int{len(data), len(data) + len(row)}
	header["lm_head.weight"] = embed
	if head, err = json.Marshal(header); err != nil {
		t.Fatal(err)
	}
	out := append(binary.LittleEndian.AppendUint64(nil, uint64(len(head))), head...)
	put(t, filepath.Join(dir, "model.safetensors"), append(append(out, data...), row...))
}

const headRecipe = `roux: 1
models: {m: MODEL}
data: {calib: {text: testdata/data/prose.held.txt, length: 100, samples: 12}}
steps: {half: {op: prune.wanda, model: m, sparsity: 0.5, calibrate: calib, where: WHERE}}
outputs: {half: {from: half, path: out/half}, matrix: {from: m, calibrate: calib, format: imatrix, path: FILE}}
`

func headOf(model, where, file string) string {
	return strings.NewReplacer("MODEL", model, "WHERE", where, "FILE", file).Replace(headRecipe)
}

// headStats runs a recipe and returns the statistics of the head, of which there
// is one input, the last.
func headStats(t *testing.T, recipe string) *ops.Stats {
	t.Helper()
	if code, _, stderr := roux("run", recipe); code != exitDone {
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	code, stdout, stderr := roux("inspect", "--stats", recipe, "--json")
	var all []engine.Statistics
	if err := json.Unmarshal([]byte(stdout), &all); code != exitDone || err != nil {
		t.Fatalf("exit %d, %v\n%s", code, err, stderr)
	}
	for _, s := range all {
		if n := len(s.Inputs); n > 0 && s.Inputs[n-1].Input == "head.in" {
			return s.Inputs[n-1]
		}
	}
	t.Fatalf("no statistics of the head in\n%.400s", stdout)
	return nil
}

// TestHeadStatistics: the head's input has the statistics that torch gathers,
// whether it is tied to the embedding or not, sequential or not; an importance
// matrix has them as output.weight, but not of a tied one.
func TestHeadStatistics(t *testing.T) {
	text, err := os.ReadFile("../../engine/calib/testdata/base.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Channels []int
		Inputs   []struct {
			Input        string
			Squares, Sum []float64
		}
	}
	if err := json.Unmarshal(text, &golden); err != nil {
		t.Fatal(err)
	}
	want := golden.Inputs[len(golden.Inputs)-1]
	bench(t, map[string]string{"tied.yaml": headOf("testdata/models/base", `name == "model.embed_tokens.weight"`, "out/tied.gguf"), "own.yaml": headOf("./own", `name == "lm_head.weight"`, "out/own.gguf")})
	untie(t, "own")
	tied, own := headStats(t, "tied.yaml"), headStats(t, "own.yaml")
	for i, j := range golden.Channels {
		if got := own.Squares[j]; want.Input != "head.in" || math.Abs(got/want.Squares[i]-1) > 2e-5 || math.Abs(own.Sum[j]-want.Sum[i]) > 2e-5*want.Squares[i] {
			t.Errorf("channel %d: %v and %v, torch has %v and %v", j, got, own.Sum[j], want.Squares[i], want.Sum[i])
		}
	}
	if d := cmp.Diff(own.Columns, tied.Columns); d != "" || !tied.Tied || own.Tied || own.Weights[0] != "lm_head.weight" || own.Layer != 4 {
		t.Errorf("a tied head has others: %s", d)
	}
	if _, stdout, _ := roux("inspect", "--stats", "own.yaml"); !strings.Contains(stdout, "-      head.in") {
		t.Errorf("inspect\n%s", stdout)
	}
	for file, n := range map[string]int{"out/tied.gguf": 28, "out/own.gguf": 29} {
		m, err := imatrix.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		e, has := m.Find("output.weight")
		if len(m.Entries) != n || has != (n == 29) {
			t.Errorf("%s: %d entries, output.weight: %t", file, len(m.Entries), has)
		}
		for i, j := range golden.Channels {
			if has && math.Abs(float64(e.Sums[j])/want.Squares[i]-1) > 2e-5 {
				t.Errorf("channel %d of output.weight: %v, torch has %v", j, e.Sums[j], want.Squares[i])
			}
		}
	}
	zeros := 0
	for _, v := range stored(t, "out/half", "lm_head.weight") {
		if v == 0 {
			zeros++
		}
	}
	if zeros < 512*128 {
		t.Errorf("%d zeros in the pruned head", zeros)
	}
}

// TestHeadFromImatrix: an importance matrix with output.weight prunes the head as
// the text does; what a matrix lacks is said with the cure, and one that lacks
// the head is added up all the same.
func TestHeadFromImatrix(t *testing.T) {
	by := func(model, where, file string) string {
		return "roux: 1\nmodels: {m: " + model + "}\ndata: {im: {imatrix: " + file + "}}\nsteps: {half: {op: prune.wanda, sparsity: 0.5, calibrate: im, sequential: false, where: " + where + "}}\n" +
			"outputs: {half: {from: half, path: out/by}, sum: {from: m, calibrate: im, format: imatrix, path: out/sum.gguf}}\n"
	}
	const head, ffn = `name == "lm_head.weight"`, `kind == "mlp.down"`
	bench(t, map[string]string{"own.yaml": headOf("./own", head, "out/own.gguf"), "tied.yaml": headOf("testdata/models/base", ffn, "out/tied.gguf"),
		"by.yaml": by("./own", head, "out/own.gguf"), "lacks.yaml": by("./own", head, "out/tied.gguf"), "ffn.yaml": by("./own", ffn, "out/tied.gguf"),
		"embed.yaml": by("testdata/models/base", `name == "model.embed_tokens.weight"`, "out/tied.gguf")})
	untie(t, "own")
	for _, recipe := range []string{"own.yaml", "tied.yaml", "by.yaml"} {
		if recipe == "tied.yaml" {
			if err := os.Rename("out/half", "out/kept"); err != nil {
				t.Fatal(err)
			}
		}
		if code, _, stderr := roux("run", recipe); code != exitDone {
			t.Fatalf("%s: exit %d\n%s", recipe, code, stderr)
		}
	}
	if a, b := stored(t, "out/kept", "lm_head.weight"), stored(t, "out/by", "lm_head.weight"); !cmp.Equal(a, b) {
		t.Error("by the matrix other weights of the head go")
	}
	for recipe, says := range map[string]string{
		"lacks.yaml": "data im: the importance matrix has no output.weight: make it with llama-imatrix --process-output or with roux, or leave lm_head.weight out with where",
		"embed.yaml": "an importance matrix tells nothing of a head that is tied to the embedding, model.embed_tokens.weight: calibrate on a text, or leave it out with where",
	} {
		if code, _, stderr := roux("plan", recipe); code != exitRecipe || !strings.Contains(stderr, recipe+":") || !strings.Contains(stderr, says) {
			t.Errorf("%s: exit %d\n%s", recipe, code, stderr)
		}
	}
	if code, _, stderr := roux("run", "ffn.yaml", "--force"); code != exitDone {
		t.Errorf("a matrix without the head: exit %d\n%s", code, stderr)
	}
	if m, err := imatrix.Open("out/sum.gguf"); err != nil || len(m.Entries) != 28 {
		t.Errorf("the matrix anew: %v", err)
	}
}

// TestPlannedSize: a plan says how long a file of statistics gets.
func TestPlannedSize(t *testing.T) {
	for _, file := range []string{"out/m.gguf", "out/m.dat"} {
		t.Run(filepath.Ext(file), func(t *testing.T) {
			bench(t, map[string]string{"r.yaml": "roux: 1\nmodels: {m: testdata/models/base}\ndata: {calib: {text: testdata/data/prose.held.txt, length: 100, samples: 12}}\noutputs: {matrix: {from: m, calibrate: calib, format: imatrix, path: " + file + "}}\n"})
			before := plannedSize(t)
			if code, _, stderr := roux("run", "r.yaml"); code != exitDone {
				t.Fatalf("exit %d\n%s", code, stderr)
			}
			info, err := os.Stat(file)
			if err != nil {
				t.Fatal(err)
			}
			if fresh := plannedSize(t); before != info.Size() || fresh != before {
				t.Errorf("planned %d bytes and when it stands %d, and there are %d", before, fresh, info.Size())
			}
		})
	}
}

// plannedSize is what the plan says of the only output's file, which its text
// says as well.
func plannedSize(t *testing.T) int64 {
	t.Helper()
	if _, stdout, _ := roux("plan", "r.yaml"); !strings.Contains(stdout, "28 tensors, ") || strings.Contains(stdout, "28 tensors, 0 B") {
		t.Errorf("the plan says\n%s", stdout)
	}
	code, stdout, stderr := roux("plan", "r.yaml", "--json")
	var p struct {
		Outputs []struct {
			Bytes int64
			Files []struct{ Bytes int64 }
		}
	}
	if err := json.Unmarshal([]byte(stdout), &p); code != exitDone || err != nil || len(p.Outputs) != 1 {
		t.Fatalf("exit %d, %v\n%s%s", code, err, stdout, stderr)
	}
	if o := p.Outputs[0]; o.Bytes != o.Files[0].Bytes {
		t.Errorf("%d bytes in a file of %d", o.Bytes, o.Files[0].Bytes)
	}
	return p.Outputs[0].Bytes
}
