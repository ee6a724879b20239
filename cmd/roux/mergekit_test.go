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
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/codec"
)

// goldens is what mergekit 0.1.5 wrote for each recipe; its README gives the
// tolerances.
const goldens = "../../testdata/mergekit"

// TestMergekitGoldens runs every mergekit file as it is, from the folder that
// it was written for, and holds the result to mergekit's own.
func TestMergekitGoldens(t *testing.T) {
	cases, err := os.ReadDir(filepath.Join(goldens, "cases"))
	if err != nil {
		t.Fatal(err)
	}
	if len(cases) < 20 {
		t.Fatalf("only %d cases", len(cases))
	}
	cache := t.TempDir()
	for _, c := range cases {
		t.Run(c.Name(), func(t *testing.T) { golden(t, c.Name(), cache) })
	}
}

func golden(t *testing.T, name, cache string) {
	out := filepath.Join(t.TempDir(), "out")
	t.Chdir(goldens)
	var stdout, stderr bytes.Buffer
	if code := Main([]string{"run", filepath.Join("cases", name, "config.yml"), "--out", out, "--cache", cache}, &stdout, &stderr); code != 0 {
		t.Fatalf("exit %d\n%s", code, stderr.String())
	}
	got, err := safetensors.OpenDir(out)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Close()
	want, err := safetensors.Open(filepath.Join("cases", name, "expected.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer want.Close()
	if g, w := len(got.Infos()), len(want.Infos()); g != w {
		t.Errorf("%d tensors, want %d", g, w)
	}
	for _, info := range want.Infos() {
		compareTensor(t, name, got, want, info)
	}
	if n := counted[name]; n[0]*100 > n[1] {
		t.Errorf("%d of %d elements are off, more than 1 %%", n[0], n[1])
	}
	compareConfig(t, out, filepath.Join("cases", name, "expected.config.json"))
}

func compareTensor(t *testing.T, name string, got, want tensor.Source, info tensor.Info) {
	g, ok := got.Tensor(info.Name)
	if !ok {
		t.Errorf("no tensor %s", info.Name)
		return
	}
	if gi := g.Info(); gi.DType != info.DType || !gi.Shape.Equal(info.Shape) {
		t.Errorf("%s: %s %v, want %s %v", info.Name, gi.DType, gi.Shape, info.DType, info.Shape)
		return
	}
	w, _ := want.Tensor(info.Name)
	x, y := values(t, g), values(t, w)
	off := judge(t, name, info, x, y)
	if len(off) > 0 && name != "bf16_ties" && name != "bf16_linear" {
		i := off[0]
		t.Errorf("%s: %d of %d elements are off; [%d] = %v, want %v", info.Name, len(off), len(y), i, x[i], y[i])
	}
	counted[name] = [2]int{counted[name][0] + len(off), counted[name][1] + len(y)}
}

// counted is elements off and in all, by case.
var counted = map[string][2]int{}

// judge returns the elements that are farther off than the goldens' README
// allows. float32 cases: 1e-6 of the tensor's largest magnitude, slerp 2e-6;
// in arcee_fusion, elements that hang on the reference's rounding do not count.
// float16 and bfloat16 cases computed in float32: one step of the dtype, for
// roundings at ties; where TIES met equal magnitudes at its threshold, the
// reference keeps any of them and we the first, so those elements do not count.
// bf16_linear and bf16_ties: the reference rounds to bfloat16 after every
// operation, so two steps of the larger of the result and the base, for 99 %
// of the elements of the model.
func judge(t *testing.T, name string, info tensor.Info, x, y []float32) []int {
	var tied []bool
	base := make([]float32, len(y))
	if strings.HasSuffix(name, "_ties") || name == "bf16_in_f32_math_bf16_out" {
		if strings.HasPrefix(name, "bf16") {
			tied, base = ties(t, info.Name)
		}
	}
	if name == "arcee_fusion" {
		tied = undecided(t, info.Name, x)
	}
	largest := 0.0
	for _, v := range y {
		largest = math.Max(largest, math.Abs(float64(v)))
	}
	var off []int
	for i := range y {
		allowed := 1e-6 * largest
		switch {
		case name == "bf16_linear" || name == "bf16_ties":
			allowed = 2 * step(max(abs(y[i]), abs(base[i])), 8)
		case info.DType == tensor.BF16:
			allowed = step(abs(y[i]), 8)
		case info.DType == tensor.F16:
			allowed = step(abs(y[i]), 11)
		case strings.HasPrefix(name, "slerp"):
			allowed = 2e-6 * largest
		}
		if math.Abs(float64(x[i])-float64(y[i])) > allowed && (tied == nil || !tied[i]) {
			off = append(off, i)
		}
	}
	return off
}

func abs(f float32) float64 { return math.Abs(float64(f)) }

// step is the spacing of floats with that many significant bits at v.
func step(v float64, bits int) float64 {
	_, e := math.Frexp(v)
	return math.Ldexp(1, e-bits)
}

// ties tells which elements of a tensor stand exactly at the threshold that
// density 0.5 sets in either model of the bf16 cases, and the base's values.
func ties(t *testing.T, name string) (tied []bool, base []float32) {
	base = modelValues(t, "base16", name)
	tied = make([]bool, len(base))
	for _, model := range []string{"a16", "b16"} {
		delta := modelValues(t, model, name)
		sorted := make([]float64, len(delta))
		for i := range delta {
			delta[i] -= base[i]
			sorted[i] = abs(delta[i])
		}
		slices.Sort(sorted)
		threshold := sorted[len(sorted)-len(sorted)/2]
		for i, d := range delta {
			tied[i] = tied[i] || abs(d) == threshold
		}
	}
	return tied, base
}

func modelValues(t *testing.T, model, name string) []float32 {
	f, err := safetensors.Open(filepath.Join("models", model, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	x, ok := f.Tensor(name)
	if !ok {
		t.Fatalf("%s has no %s", model, name)
	}
	return values(t, x)
}

func values(t *testing.T, x tensor.Tensor) []float32 {
	t.Helper()
	info := x.Info()
	raw := make([]byte, info.Bytes())
	if n, err := x.ReadAt(raw, 0); n < len(raw) {
		t.Fatal(err)
	}
	v := make([]float32, info.Shape.Numel())
	if err := codec.ToF32(v, raw, info.DType); err != nil {
		t.Fatal(err)
	}
	return v
}

func compareConfig(t *testing.T, out, expected string) {
	t.Helper()
	read := func(path string) map[string]any {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var m map[string]any
		if err := json.Unmarshal(text, &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	got, want := read(filepath.Join(out, "config.json")), read(expected)
	dtype := func(m map[string]any) string {
		v, ok := m["dtype"].(string)
		if !ok {
			v, _ = m["torch_dtype"].(string)
		}
		// mergekit copies the recipe's "torch." into config.json, where it does not belong.
		return strings.TrimPrefix(v, "torch.")
	}
	if g, w := dtype(got), dtype(want); g != w {
		t.Errorf("dtype %v, want %v", g, w)
	}
	for _, key := range []string{"num_hidden_layers", "vocab_size", "architectures"} {
		g, _ := json.Marshal(got[key])
		w, _ := json.Marshal(want[key])
		if !bytes.Equal(g, w) {
			t.Errorf("%s is %s, want %s", key, g, w)
		}
	}
}
