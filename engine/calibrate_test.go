package engine_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/rouxml/roux/engine"
	"github.com/rouxml/roux/engine/cas"
	"github.com/rouxml/roux/loaders/all"
	"github.com/rouxml/roux/loaders/hub"
	"github.com/rouxml/roux/loaders/tokenizer"
	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/recipes"
	"github.com/rouxml/roux/schema"
	"github.com/rouxml/roux/tensor"
)

// reveal rounds weights coarsely and writes what it saw of its input's Gram
// matrix into them: other statistics give other bytes.
type reveal struct {
	Model      schema.Ref     `yaml:"model" previous:"" doc:"model"`
	Calibrate  schema.DataRef `yaml:"calibrate" doc:"texts"`
	Sequential bool           `yaml:"sequential" default:"false" doc:"layer behind layer"`
}

func revealing(t *testing.T) *ops.Registry {
	t.Helper()
	var set ops.Set
	ops.Add(&set, ops.Spec[reveal]{
		Name: "test.reveal", Version: 1, Summary: "s", Doc: "d", Source: "s", Example: "op: test.reveal\ncalibrate: c\n",
		Where:      `kind startsWith "mlp"`,
		Needs:      ops.Channels | ops.Gram,
		Sequential: func(p *reveal) bool { return p.Sequential },
		Whole: &ops.WholeKernel[reveal]{
			Scope:  ops.Tensor,
			Memory: func(_ *reveal, x *ops.Pass) int64 { d := int64(x.In[0].Shape.Cols()); return 8 * d * d },
			Run:    runReveal,
		},
	})
	reg, err := ops.NewRegistry(&set)
	if err != nil {
		t.Fatal(err)
	}
	return reg
}

func runReveal(_ context.Context, _ *reveal, x *ops.Pass, in, out []ops.Matrix) error {
	s := x.StatsOf(0)
	d := s.Width()
	gram := make([]float64, d*d)
	if err := s.ReadGram(gram); err != nil {
		return err
	}
	sum := 0.0
	for i := range d {
		if off := math.Abs(gram[i*d+i]/s.Squares[i] - 1); off > 1e-6 {
			return fmt.Errorf("channel %d: the diagonal of Gram is off by %g", i, off)
		}
		for j := range d {
			if gram[i*d+j] != gram[j*d+i] {
				return fmt.Errorf("Gram is not symmetric at %d, %d", i, j)
			}
			sum += gram[i*d+j] * math.Sin(float64(i*3+j))
		}
	}
	for i, v := range in[0].Data {
		out[0].Data[i] = float32(math.Round(float64(v)*32) / 32)
	}
	for i := range 3 { // digits that bfloat16 keeps
		v := sum / float64(s.Rows) * math.Pow(256, float64(i))
		out[0].Data[i] = float32(math.Floor((v-math.Floor(v))*256) / 2560)
	}
	return nil
}

// run runs a recipe and returns the files that it wrote.
func run(t *testing.T, recipe, cache string, workers int, memory int64) (map[string][]byte, *engine.Result) {
	t.Helper()
	reg := revealing(t)
	file := filepath.Join(t.TempDir(), "r.yaml")
	if err := os.WriteFile(file, []byte(recipe), 0o644); err != nil {
		t.Fatal(err)
	}
	r, err := recipes.Load(file, reg, recipes.Options{})
	if err != nil {
		t.Fatal(err)
	}
	store, err := cas.Open(cache, nil)
	if err != nil {
		t.Fatal(err)
	}
	formats, err := all.Registry()
	if err != nil {
		t.Fatal(err)
	}
	plan, err := engine.NewPlan(t.Context(), r, engine.Options{Ops: reg, Formats: formats.Format, Cache: store, Workers: workers, Memory: memory, CheckMemory: true,
		Open: func(ctx context.Context, m recipes.Model) (*tensor.Model, io.Closer, error) {
			return all.Open(ctx, all.Ref{Path: m.Path}, hub.Client{})
		},
		Tokenizer: func(files []tensor.File) (ops.Tokenizer, error) {
			k, err := tokenizer.Open(files)
			return tokens{k}, err
		},
		Data: func(_ context.Context, d recipes.Data, _ int64) (*ops.Data, string, error) {
			text, err := os.ReadFile(d.Text)
			return &ops.Data{Name: d.Name, Pos: d.Pos, Texts: []string{string(text)}, Length: d.Length, Samples: d.Samples}, "digest", err
		}})
	if err != nil {
		t.Fatal(err)
	}
	defer plan.Close()
	done, err := plan.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, o := range r.Outputs {
		if files[o.Name], err = os.ReadFile(filepath.Join(o.Path, "model.safetensors")); err != nil {
			t.Fatal(err)
		}
	}
	return files, done
}

type tokens struct{ *tokenizer.Tokenizer }

func (t tokens) Encode(text string, o ops.Encoding) ([]int32, []int, error) {
	ids, err := t.Tokenizer.Encode(text, tokenizer.Options{Add: o.Add, Parse: o.Parse})
	return ids, nil, err
}
func (t tokens) Decode([]int32) string { return "" }

// TestSequentialCalibration: compressing layer behind layer in one step comes to
// what as many steps come to, each of which calibrates on the model that the one
// before made; and not to what one run over the model as it is comes to. A run
// that finds statistics and results computes nothing.
func TestSequentialCalibration(t *testing.T) {
	testdata, err := filepath.Abs("../testdata")
	if err != nil {
		t.Fatal(err)
	}
	recipe := func(out string) string {
		return fmt.Sprintf(`roux: 1
models: {m: %[1]s/models/base}
data: {c: {text: %[1]s/data/sums.held.txt, length: 80, samples: 5}}
steps:
  at_once: {op: test.reveal, model: m, calibrate: c}
  behind: {op: test.reveal, model: m, calibrate: c, sequential: true}
  zero: {op: test.reveal, model: m, calibrate: c, where: kind startsWith "mlp" and layer == 0}
  one: {op: test.reveal, model: zero, calibrate: c, where: kind startsWith "mlp" and layer == 1}
  two: {op: test.reveal, model: one, calibrate: c, where: kind startsWith "mlp" and layer == 2}
  three: {op: test.reveal, model: two, calibrate: c, where: kind startsWith "mlp" and layer == 3}
outputs:
  at_once: {from: at_once, path: %[2]s/at_once}
  behind: {from: behind, path: %[2]s/behind}
  three: {from: three, path: %[2]s/three}
`, testdata, out)
	}
	cache := t.TempDir()
	want, _ := run(t, recipe(t.TempDir()), cache, 2, 1<<30)
	if !bytes.Equal(want["behind"], want["three"]) {
		t.Error("a sequential step is not what its layers one by one come to")
	}
	if bytes.Equal(want["behind"], want["at_once"]) {
		t.Error("a sequential step is what it is without")
	}
	again, done := run(t, recipe(t.TempDir()), cache, 1, 1<<30)
	if done.Blocks != 0 {
		t.Errorf("a second run computes %d blocks", done.Blocks)
	}
	small, _ := run(t, recipe(t.TempDir()), t.TempDir(), 3, 100<<20)
	for name, b := range want {
		if !bytes.Equal(b, again[name]) || !bytes.Equal(b, small[name]) {
			t.Errorf("%s differs by cache, workers or memory", name)
		}
	}
}

// TestDamagedGrams: a Gram matrix in the cache whose bytes changed is gathered
// again, and so are the sums of channels.
func TestDamagedGrams(t *testing.T) {
	testdata, err := filepath.Abs("../testdata")
	if err != nil {
		t.Fatal(err)
	}
	recipe := func(out string) string {
		return fmt.Sprintf(`roux: 1
models: {m: %[1]s/models/base}
data: {c: {text: %[1]s/data/sums.held.txt, length: 80, samples: 5}}
steps: {s: {op: test.reveal, model: m, calibrate: c, where: kind startsWith "mlp" and layer < 2}}
outputs: {s: {from: s, path: %[2]s/s}}
`, testdata, out)
	}
	cache := t.TempDir()
	want, _ := run(t, recipe(t.TempDir()), cache, 2, 1<<30)
	entries, err := filepath.Glob(filepath.Join(cache, "outputs", "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	grams := 0
	for _, file := range entries {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		switch len(b) {
		case 2 * 256 * 257, 2 * 512 * 513: // a lower triangle in float32
			grams++
			b[len(b)/3] ^= 0x40
			if err := os.WriteFile(file, b, 0o644); err != nil {
				t.Fatal(err)
			}
		default:
			if b[0] != '[' { // what was computed with them
				if err := os.Remove(file); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if grams < 4 {
		t.Fatalf("%d Gram matrices in the cache", grams)
	}
	again, _ := run(t, recipe(t.TempDir()), cache, 2, 1<<30)
	if !bytes.Equal(want["s"], again["s"]) {
		t.Error("damaged Gram matrices change the bytes")
	}
}
