package edit

import (
	"math"
	"testing"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/ops/opstest"
	"github.com/rouxml/roux/tensor"
)

func apply(t *testing.T, name, params string, m opstest.Model) opstest.Model {
	t.Helper()
	reg, err := ops.NewRegistry(&Set)
	if err != nil {
		t.Fatal(err)
	}
	op, _ := reg.Op(name)
	out, err := opstest.Apply(op, opstest.Decode(t, op, params), 0, opstest.Order{}, m)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestCast: numbers halfway between two of the dtype go to the even one, and
// what is too large becomes infinite, in float8_e4m3fn 448.
func TestCast(t *testing.T) {
	inf := float32(math.Inf(1))
	in := []float32{1 + 1./256, 1 + 3./256, 1 + 1./2048, 1 + 3./2048, 70000, -1e38, 1.0625, 1.1875, 0.1, -0.3}
	for dtype, want := range map[string][]float32{
		"bfloat16":      {1, 1 + 1./64, 1, 1, 70144, -(1 + 22./128) * (1 << 126), 1.0625, 1.1875, 0.10009765625, -0.30078125},
		"float16":       {1 + 1./256, 1 + 3./256, 1, 1 + 1./512, inf, -inf, 1.0625, 1.1875, 0.0999755859375, -0.300048828125},
		"float8_e4m3fn": {1, 1, 1, 1, 448, -448, 1, 1.25, 0.1015625, -0.3125},
		"float8_e5m2":   {1, 1, 1, 1, inf, -inf, 1, 1.25, 0.09375, -0.3125},
		"float64":       in,
	} {
		out := apply(t, "edit.cast", "{model: a, dtype: "+dtype+"}", opstest.Model{{Info: tensor.Info{Name: "norm.weight", DType: tensor.F32, Shape: tensor.Shape{10}}, Data: in}})
		for i, v := range out[0].Data {
			if v != want[i] {
				t.Errorf("%s: %v becomes %v, want %v", dtype, in[i], v, want[i])
			}
		}
	}
}

// TestCastPasses: tensors that have the dtype are left alone.
func TestCastPasses(t *testing.T) {
	if out := apply(t, "edit.cast", "{model: a, dtype: float32}", opstest.Random(1)); len(out) != 0 {
		t.Errorf("%d tensors are made anew", len(out))
	}
}

// TestScale: each layer has its factor of the curve.
func TestScale(t *testing.T) {
	in := opstest.Random(1)
	out := apply(t, "edit.scale", "{model: a, scale: [0.5, -2]}", in)
	for name, factor := range map[string]float32{"layer.0.mlp.up.weight": 0.5, "layer.1.mlp.up.weight": -2, "layer.1.norm.weight": -2} {
		for i, v := range out.Find(name) {
			if v != factor*in.Find(name)[i] {
				t.Fatalf("%s[%d] = %v", name, i, v)
			}
		}
	}
}
