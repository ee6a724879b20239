package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/rouxml/roux/loaders/safetensors"
	"github.com/rouxml/roux/tensor"
)

// moeGoldens is what mergekit-moe 0.1.5 wrote: its make.py says how.
const moeGoldens = "../../testdata/mergekit-moe"

type moeGolden struct {
	Tensors map[string]struct {
		DType  string
		Shape  []int
		SHA256 string
		Values []float64
		// Rounded is what mergekit writes when it runs the base in bfloat16.
		Rounded []float64
	}
	Config map[string]any
}

// TestMoEGoldens runs every file of mergekit-moe as it is. Experts and all that
// is the base's must be the same bytes, in mergekit's layout after moe.stack
// where it fuses experts; routers may differ by one step of bfloat16, or a
// millionth of the largest element, for mergekit sums embeddings in float32. Those
// of hidden states come of another forward pass: twenty millionths.
func TestMoEGoldens(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(moeGoldens, "golden.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]moeGolden
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	if len(all) != 7 {
		t.Fatalf("%d cases", len(all))
	}
	t.Chdir(moeGoldens)
	cache := t.TempDir()
	for name, want := range all {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			recipe := filepath.Join("cases", name+".yml")
			if _, fused := want.Tensors["model.layers.0.mlp.experts.gate_up_proj"]; fused {
				file, err := filepath.Abs(recipe)
				if err != nil {
					t.Fatal(err)
				}
				recipe = filepath.Join(dir, "stack.yaml")
				put(t, recipe, []byte("roux: 1\nmodels: {m: {recipe: "+file+"}}\nsteps: {s: {op: moe.stack, model: m}}\noutputs: {o: {from: s, path: "+dir+"/unused}}\n"))
			}
			out := filepath.Join(dir, "out")
			var stdout, stderr bytes.Buffer
			if code := Main([]string{"run", recipe, "--out", out, "--cache", cache}, &stdout, &stderr); code != 0 {
				t.Fatalf("exit %d\n%s", code, stderr.String())
			}
			want.compare(t, out)
		})
	}
}

func (want moeGolden) compare(t *testing.T, out string) {
	got, err := safetensors.OpenDir(out)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Close()
	if len(got.Infos()) != len(want.Tensors) {
		t.Errorf("%d tensors, want %d", len(got.Infos()), len(want.Tensors))
	}
	for _, info := range got.Infos() {
		w, ok := want.Tensors[info.Name]
		if !ok || info.DType.Torch() != w.DType || !info.Shape.Equal(w.Shape) {
			t.Errorf("%s %s %v: mergekit wrote %s %v", info.Name, info.DType, info.Shape, w.DType, w.Shape)
			continue
		}
		x, _ := got.Tensor(info.Name)
		switch {
		case strings.HasSuffix(info.Name, "gate.weight"):
			if w.Values == nil {
				w = want.Tensors[firstLayer(info.Name)]
			}
			compareRouter(t, x, w.Values, w.Rounded)
		case digest(t, x) != w.SHA256:
			t.Errorf("%s: other bytes than mergekit's", info.Name)
		}
	}
	compareMoEConfig(t, out, want.Config)
}

// firstLayer names the same tensor in the first layer: routers of embeddings
// are the same in all.
func firstLayer(name string) string {
	parts := strings.Split(name, ".")
	parts[2] = "0"
	return strings.Join(parts, ".")
}

func digest(t *testing.T, x tensor.Tensor) string {
	raw := make([]byte, x.Info().Bytes())
	if n, err := x.ReadAt(raw, 0); n < len(raw) {
		t.Fatal(err)
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

func compareRouter(t *testing.T, x tensor.Tensor, want, rounded []float64) {
	largest, near := 0.0, 1e-6
	if strings.HasPrefix(filepath.Base(t.Name()), "hidden") {
		near = 2e-5
	}
	cols := x.Info().Shape.Cols()
	for at := 0; at < len(rounded); at += cols {
		if c := cosineOf(values(t, x)[at:at+cols], rounded[at:at+cols]); c < 0.9999 {
			t.Errorf("%s: the row at %d has a cosine of %v with that of a run in bfloat16", x.Info().Name, at, c)
		}
	}
	for _, v := range want {
		largest = math.Max(largest, math.Abs(v))
	}
	for i, v := range values(t, x) {
		allowed := near * largest
		if x.Info().DType == tensor.BF16 {
			allowed = step(math.Abs(want[i]), 8)
		}
		if math.Abs(float64(v)-want[i]) > allowed {
			t.Errorf("%s[%d] = %v, want %v", x.Info().Name, i, v, want[i])
		}
	}
}

func cosineOf(a []float32, b []float64) float64 {
	var ab, aa, bb float64
	for i, v := range a {
		ab, aa, bb = ab+float64(v)*b[i], aa+float64(v)*float64(v), bb+b[i]*b[i]
	}
	return ab / math.Sqrt(aa*bb)
}

// compareMoEConfig holds what our config says to mergekit's; theirs has the
// defaults of the family beside it.
func compareMoEConfig(t *testing.T, out string, want map[string]any) {
	text, err := os.ReadFile(filepath.Join(out, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	// transformers 5 calls it so when it saves, and reads both; other tools know
	// the name that Qwen's own models have.
	if n, ok := want["num_local_experts"]; ok && want["num_experts"] == nil {
		want["num_experts"] = n
	}
	for key, v := range got {
		if key != "transformers_version" && !reflect.DeepEqual(v, want[key]) {
			t.Errorf("config: %s is %v, want %v", key, v, want[key])
		}
	}
	for _, key := range []string{"model_type", "architectures", "num_experts_per_tok"} {
		if got[key] == nil {
			t.Errorf("config has no %s", key)
		}
	}
}
