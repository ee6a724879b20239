package merge

import (
	"fmt"
	"math"
	"testing"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/ops/opstest"
	"github.com/rouxml/roux/tensor"
)

func op(t *testing.T, name string) *ops.Op {
	t.Helper()
	reg, err := ops.NewRegistry(&Set)
	if err != nil {
		t.Fatal(err)
	}
	o, ok := reg.Op(name)
	if !ok {
		t.Fatal(name)
	}
	return o
}

func apply(t *testing.T, name, params string, models ...opstest.Model) opstest.Model {
	t.Helper()
	o := op(t, name)
	out, err := opstest.Apply(o, opstest.Decode(t, o, params), 1, opstest.Order{Seed: 3}, models...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// near holds two models to each other, relative to the largest element.
func near(t *testing.T, what string, a, b opstest.Model, tolerance float64) {
	t.Helper()
	for i := range a {
		largest, worst := 0.0, 0.0
		for j := range a[i].Data {
			largest = math.Max(largest, math.Abs(float64(b[i].Data[j])))
			worst = math.Max(worst, math.Abs(float64(a[i].Data[j]-b[i].Data[j])))
		}
		if !(worst <= tolerance*largest) { // NaN is off too
			t.Errorf("%s: %s is off by %v of %v", what, a[i].Info.Name, worst, largest)
		}
	}
}

// TestAlgebra: what must hold for any weights.
func TestAlgebra(t *testing.T) {
	a, b, c := opstest.Random(1), opstest.Random(2), opstest.Random(3)
	for _, name := range []string{"task_arithmetic", "ties", "dare_linear", "dare_ties", "breadcrumbs", "breadcrumbs_ties", "della", "della_linear"} {
		copies := apply(t, "merge."+name, "{base: a, models: [b, c], density: 0.5}", a, a, a)
		near(t, name+" of copies is the model", copies, a, 0)
		off := apply(t, "merge."+name, "{base: a, models: [b, {model: c, weight: 0}]}", a, b, c)
		alone := apply(t, "merge."+name, "{base: a, models: [b]}", a, b)
		near(t, name+": weight 0 is absence", off, alone, 0)
		x := apply(t, "merge."+name, "{base: a, models: [{model: b, weight: 0.3}, {model: c, weight: 0.7}]}", a, b, c)
		y := apply(t, "merge."+name, "{base: a, models: [{model: c, weight: 0.7}, {model: b, weight: 0.3}]}", a, c, b)
		near(t, name+": order of models", x, y, 1e-6)
	}
	for name, plain := range map[string]string{"ties": "ties", "dare_ties": "ties", "breadcrumbs_ties": "ties", "della": "ties", "dare_linear": "task_arithmetic", "breadcrumbs": "task_arithmetic", "della_linear": "task_arithmetic"} {
		x := apply(t, "merge."+name, "{base: a, models: [b, {model: c, weight: 0.3}], normalize: true}", a, b, c)
		y := apply(t, "merge."+plain, "{base: a, models: [b, {model: c, weight: 0.3}], normalize: true}", a, b, c)
		near(t, name+" at density 1", x, y, 0)
	}
	near(t, "linear of copies", apply(t, "merge.linear", "{models: [a, b]}", a, a), a, 1e-7)
	near(t, "slerp at 0", apply(t, "merge.slerp", "{base: a, model: b, t: 0}", a, b), a, 0)
	near(t, "slerp at 1", apply(t, "merge.slerp", "{base: a, model: b, t: 1}", a, b), b, 0)
	near(t, "slerp of copies", apply(t, "merge.slerp", "{base: a, model: b, t: 0.3}", a, a), a, 1e-6)
}

// TestTiesKeepsExactly: density keeps trunc(d n) elements, the largest, also
// where many are equal.
func TestTiesKeepsExactly(t *testing.T) {
	base, tuned := opstest.Random(1), opstest.Random(2)
	for i := range tuned {
		for j := range tuned[i].Data {
			base[i].Data[j] = 0
			tuned[i].Data[j] = float32(1 + j%3)
		}
	}
	out := apply(t, "merge.ties", "{base: a, models: [b], density: 0.5, normalize: false}", base, tuned)
	for i := range out {
		n, kept, smallest := len(out[i].Data), 0, float32(9)
		for _, v := range out[i].Data {
			if v != 0 {
				kept++
				smallest = min(smallest, v)
			}
		}
		if kept != n/2 {
			t.Errorf("%s: kept %d of %d", out[i].Info.Name, kept, n)
		}
		seen := false
		for j, v := range out[i].Data { // ties: a kept one after a dropped one of the same size is wrong
			if tuned[i].Data[j] == smallest && v == 0 {
				seen = true
			} else if tuned[i].Data[j] == smallest && seen {
				t.Errorf("%s: a later tie was kept", out[i].Info.Name)
				break
			}
		}
	}
}

// TestDareLaw: the share kept is near the density, and rescaling keeps the sum
// of magnitudes.
func TestDareLaw(t *testing.T) {
	for _, method := range []string{"dare_linear", "dare_ties"} {
		for _, density := range []float64{0.1, 0.5, 0.7, 0.95} {
			dareLaw(t, method, density)
		}
	}
}

func dareLaw(t *testing.T, method string, density float64) {
	base, tuned := opstest.Random(1), opstest.Random(2)
	for i := range base {
		clear(base[i].Data)
	}
	out := apply(t, "merge."+method, fmt.Sprintf("{base: a, models: [b], density: %v}", density), base, tuned)
	n, kept := 0.0, 0.0
	for i := range out {
		var before, after float64
		for j, v := range out[i].Data {
			before += math.Abs(float64(tuned[i].Data[j]))
			after += math.Abs(float64(v))
			n++
			if v != 0 {
				kept++
			}
		}
		if after > 0 && math.Abs(before-after) > 1e-5*before {
			t.Errorf("%s, %s at %v: sum of magnitudes %v, was %v", method, out[i].Info.Name, density, after, before)
		}
	}
	if math.Abs(kept-density*n) > 4*math.Sqrt(n*density*(1-density)) {
		t.Errorf("%s at %v: kept %v of %v", method, density, kept, n)
	}
}

// TestZeroWeights: weights that sum to zero are an error, not a division.
func TestZeroWeights(t *testing.T) {
	o := op(t, "merge.linear")
	_, err := opstest.Apply(o, opstest.Decode(t, o, "{models: [a, {model: b, weight: -1}]}"), 1, opstest.Order{}, opstest.Random(1), opstest.Random(2))
	if err == nil {
		t.Error("no error")
	}
}

// TestEmptyTensors: a tensor without elements goes through every method.
func TestEmptyTensors(t *testing.T) {
	empty := opstest.Model{{Info: tensor.Info{Name: "embed.weight", DType: tensor.F32, Shape: tensor.Shape{0, 8}}}}
	for _, name := range []string{"ties", "dare_ties", "breadcrumbs"} {
		out := apply(t, "merge."+name, "{base: a, models: [b], density: 0.5, rescale: true}", empty, empty)
		if len(out) != 1 || len(out[0].Data) != 0 {
			t.Errorf("%s of nothing is %v", name, out)
		}
	}
}

// TestLinearWeightZero: weight 0 is absence, also of NaN.
func TestLinearWeightZero(t *testing.T) {
	a, b := opstest.Random(1), opstest.Random(2)
	b[0].Data[0] = float32(math.NaN())
	near(t, "weight 0", apply(t, "merge.linear", "{models: [a, {model: b, weight: 0}]}", a, b), a, 0)
}
