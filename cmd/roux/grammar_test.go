package main

import (
	"bytes"
	"os"
	"path/filepath"
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
		})
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
