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
	"github.com/rouxml/roux/loaders/safetensors"
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

// TestRefused: an adapter that was made for another base is told so.
func TestRefused(t *testing.T) {
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

// TestVariants holds every kind of LoRA that is read to what PEFT's
// merge_and_unload gave in float32; testdata/make.py made both.
func TestVariants(t *testing.T) {
	golden, err := safetensors.Open("testdata/merged.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	defer golden.Close()
	for _, dir := range []string{"patterns", "layers", "rslora", "embedding", "conv", "dora", "turned", "turned-dora", "bias", "lora-bias", "saved", "pickled/dora", "pickled/saved"} {
		t.Run(dir, func(t *testing.T) {
			base, closer, err := modeldir.OpenFile(context.Background(), "testdata/net.safetensors")
			if err != nil {
				t.Fatal(err)
			}
			defer closer.Close()
			a, err := Open(filepath.Join("testdata", dir))
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			m, err := Apply(base, a)
			if err != nil {
				t.Fatal(err)
			}
			for _, info := range m.Weights.Infos() {
				want, ok := golden.Tensor(filepath.Base(dir) + "/" + info.Name)
				if !ok {
					want, _ = base.Weights.Tensor(info.Name)
				}
				got, _ := m.Weights.Tensor(info.Name)
				near(t, info.Name, got, want, 2e-6)
			}
		})
	}
}

// near compares two float32 tensors within a share of the largest magnitude.
func near(t *testing.T, name string, got, want tensor.Tensor, tol float64) {
	t.Helper()
	x, err := readAll(got)
	if err != nil {
		t.Fatal(err)
	}
	y, err := readAll(want)
	if err != nil {
		t.Fatal(err)
	}
	largest := 0.0
	for _, v := range y {
		largest = max(largest, math.Abs(float64(v)))
	}
	for i := range y {
		if !(math.Abs(float64(x[i]-y[i])) <= tol*largest) {
			t.Fatalf("%s[%d] = %v, PEFT gives %v", name, i, x[i], y[i])
		}
	}
}

// TestAlone: an adapter opens as a model of its own, with the roles of the
// weights that its tensors belong to.
func TestAlone(t *testing.T) {
	m, closer, err := Format.Open(context.Background(), filepath.Join(models, "sums-lora"))
	if err != nil {
		t.Fatal(err)
	}
	defer closer.Close()
	role := m.Roles.Role("base_model.model.model.layers.2.mlp.up_proj.lora_B.weight", nil)
	if m.Adapter == nil || role.Layer != 2 || role.Kind != tensor.MLPUp || m.Roles.Layers() != 4 {
		t.Errorf("role %+v of %d layers", role, m.Roles.Layers())
	}
}

// TestLinksOut: an adapter cannot have files of this machine read.
func TestLinksOut(t *testing.T) {
	for _, c := range [][2]string{{filepath.Join(models, "sums-lora"), ConfigName}, {filepath.Join(models, "sums-lora"), WeightsName}, {"testdata/pickled/saved", PickledName}} {
		dir, name := t.TempDir(), c[1]
		if err := os.CopyFS(dir, os.DirFS(c[0])); err != nil {
			t.Fatal(err)
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
