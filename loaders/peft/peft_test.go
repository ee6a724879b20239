package peft

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rouxml/roux/loaders/modeldir"
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/codec"
)

const models = "../../testdata/models"

func open(t *testing.T, base, adapter string) (*tensor.Model, error) {
	t.Helper()
	m, closer, err := modeldir.Open(context.Background(), filepath.Join(models, base))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = closer.Close() })
	a, err := Open(adapter)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = a.Close() })
	return Apply(m, a)
}

// TestApplyAsPEFT holds rows of base + adapter to those that PEFT 0.21 merged
// in float32, within the bfloat16 rounding of ours.
func TestApplyAsPEFT(t *testing.T) {
	m, err := open(t, "base", filepath.Join(models, "sums-lora"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("testdata/merged_rows.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden map[string]map[int][]float64
	if err := json.Unmarshal(text, &golden); err != nil {
		t.Fatal(err)
	}
	for name, rows := range golden {
		x, ok := m.Weights.Tensor(name)
		if !ok {
			t.Fatal(name)
		}
		for row, want := range rows {
			raw := make([]byte, x.Info().RowBytes())
			// A range that begins inside a row gives the same bytes.
			if n, err := x.ReadAt(raw[2:], int64(row*len(raw)+2)); n < len(raw)-2 {
				t.Fatal(err)
			}
			if n, err := x.ReadAt(raw[:2], int64(row*len(raw))); n < 2 {
				t.Fatal(err)
			}
			got := make([]float32, len(want))
			if err := codec.ToF32(got, raw, x.Info().DType); err != nil {
				t.Fatal(err)
			}
			for i, w := range want {
				_, e := math.Frexp(w)
				if math.Abs(float64(got[i])-w) > 0.51*math.Ldexp(1, e-8) {
					t.Fatalf("%s[%d][%d] = %v, PEFT gives %v", name, row, i, got[i], w)
				}
			}
		}
	}
}

// TestRefused: what cannot be applied is refused by name.
func TestRefused(t *testing.T) {
	for name, c := range map[string]struct{ config, want string }{
		"dora":      {`{"peft_type":"LORA","use_dora":true}`, "use_dora"},
		"other":     {`{"peft_type":"LOHA"}`, `peft_type "LOHA"`},
		"bias":      {`{"peft_type":"LORA","bias":"all"}`, `bias "all"`},
		"no object": {`[1]`, ConfigName},
	} {
		if _, err := ParseConfig([]byte(c.config)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	other := filepath.Join(t.TempDir(), "other")
	if err := os.CopyFS(other, os.DirFS(filepath.Join(models, "sums-lora"))); err != nil {
		t.Fatal(err)
	}
	foreign, closer, err := modeldir.Open(context.Background(), "../../testdata/mergekit/models/a")
	if err != nil {
		t.Fatal(err)
	}
	defer closer.Close()
	a, err := Open(other)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if _, err := Apply(foreign, a); err == nil || !strings.Contains(err.Error(), "made for another base: 28 modules") {
		t.Errorf("got %v", err)
	}
}

// TestScale: patterns and rank stabilisation change the factor.
func TestScale(t *testing.T) {
	c := Config{Alpha: 16, AlphaPattern: map[string]float64{"mlp.up_proj": 4}}
	if s := c.scale("model.layers.0.mlp.up_proj", 8); s != 0.5 {
		t.Errorf("pattern: %v", s)
	}
	if s := c.scale("model.layers.0.self_attn.q_proj", 8); s != 2 {
		t.Errorf("plain: %v", s)
	}
	c.RSLoRA = true
	if s := c.scale("q", 16); s != 4 {
		t.Errorf("rank-stabilised: %v", s)
	}
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte(`{"peft_type":"LORA","r":8,"lora_alpha":16,"alpha_pattern":{"a":1}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if c, err := ParseConfig(text); err == nil && c.Type != "LORA" {
			t.Error("a foreign adapter got through")
		}
	})
}

// TestLinksOut: an adapter cannot have files of this machine read.
func TestLinksOut(t *testing.T) {
	for _, name := range []string{ConfigName, WeightsName} {
		dir := t.TempDir()
		for _, file := range []string{ConfigName, WeightsName} {
			text, err := os.ReadFile(filepath.Join(models, "sums-lora", file))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, file), text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		outside := filepath.Join(t.TempDir(), name)
		if err := os.Rename(filepath.Join(dir, name), outside); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(outside, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "outside of the model directory") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
