package merge

import (
	"math"
	"strings"
	"testing"

	"github.com/rouxml/roux/ops/opstest"
)

// angular is what the methods that work with angles are called with: %w stands
// for the weights of b and c.
var angular = []struct {
	name, params string
	base         bool
	weighted     bool
	symmetric    bool
}{
	{"model_stock", "base: a, models: [b, c]", true, false, true},
	{"model_stock", "base: a, models: [b, c], filter_wise: true", true, false, true},
	{"nuslerp", "models: [{model: b, weight: W0}, {model: c, weight: W1}]", false, true, true},
	{"nuslerp", "base: a, models: [{model: b, weight: W0}, {model: c, weight: W1}]", true, true, true},
	{"nuslerp", "base: a, models: [{model: b, weight: W0}, {model: c, weight: W1}], nuslerp_flatten: false", true, true, true},
	{"nuslerp", "base: a, models: [{model: b, weight: W0}, {model: c, weight: W1}], nuslerp_flatten: false, nuslerp_row_wise: true", true, true, true},
	{"multislerp", "models: [{model: b, weight: W0}, {model: c, weight: W1}]", false, true, true},
	{"multislerp", "base: a, models: [{model: b, weight: W0}, {model: c, weight: W1}]", true, true, true},
	{"karcher", "models: [b, c]", false, false, true},
}

func weigh(params, w0, w1 string) string {
	return "{" + strings.NewReplacer("W0", w0, "W1", w1).Replace(params) + "}"
}

// TestAngles: what must hold of every method that works with angles.
func TestAngles(t *testing.T) {
	a, b, c := opstest.Random(1), opstest.Random(2), opstest.Random(3)
	for _, m := range angular {
		with := func(params string, models ...opstest.Model) opstest.Model {
			if !m.base {
				models = models[1:]
			}
			return apply(t, "merge."+m.name, params, models...)
		}
		what := m.name + " " + m.params
		near(t, what+": copies", with(weigh(m.params, "0.3", "0.7"), a, b, b), b, 5e-7)
		near(t, what+": copies of the base", with(weigh(m.params, "0.3", "0.7"), a, a, a), a, 5e-7)
		x, y := with(weigh(m.params, "0.3", "0.7"), a, b, c), with(weigh(m.params, "0.7", "0.3"), a, c, b)
		near(t, what+": order of models", x, y, 1e-6)
		if m.weighted {
			near(t, what+": weight 0 is absence", with(weigh(m.params, "0.4", "0"), a, b, c), b, 0)
			near(t, what+": weight 0 is absence", with(weigh(m.params, "0", "0.4"), a, b, c), c, 0)
		}
	}
}

// TestAnglesOfMany: weight zero is absence and order does not matter beyond
// two models either.
func TestAnglesOfMany(t *testing.T) {
	a, b, c := opstest.Random(1), opstest.Random(2), opstest.Random(3)
	two := apply(t, "merge.multislerp", "{models: [{model: a, weight: 0.2}, {model: b, weight: 0.5}]}", a, b)
	three := apply(t, "merge.multislerp", "{models: [{model: a, weight: 0.2}, {model: c, weight: 0}, {model: b, weight: 0.5}]}", a, c, b)
	near(t, "multislerp: weight 0 is absence", three, two, 1e-7)
	x := apply(t, "merge.karcher", "{models: [a, b, c]}", a, b, c)
	near(t, "karcher: order", apply(t, "merge.karcher", "{models: [a, b, c]}", c, a, b), x, 1e-6)
	near(t, "karcher of one", apply(t, "merge.karcher", "{models: [a]}", a), a, 0)
	near(t, "multislerp of one", apply(t, "merge.multislerp", "{models: [{model: a, weight: 3}]}", a), a, 0)
	x = apply(t, "merge.model_stock", "{base: a, models: [a, b, c]}", a, a, b, c)
	near(t, "model_stock: order", apply(t, "merge.model_stock", "{base: a, models: [a, b, c]}", a, c, a, b), x, 1e-6)
}

// TestMidpoint: half way along an arc the angles to both ends are equal, and
// all spherical methods agree there.
func TestMidpoint(t *testing.T) {
	b, c := opstest.Random(2), opstest.Random(3)
	for i := range b { // of one length, where interpolated and mean norms are the same
		scaleTo(b[i].Data, 2)
		scaleTo(c[i].Data, 2)
	}
	want := apply(t, "merge.slerp", "{base: a, model: b, t: 0.5}", b, c)
	for name, params := range map[string]string{"nuslerp": "{models: [a, b]}", "multislerp": "{models: [a, b]}", "karcher": "{models: [a, b]}"} {
		near(t, name, apply(t, "merge."+name, params, b, c), want, 2e-6)
	}
}

func scaleTo(x []float32, norm float64) {
	var square float64
	for _, v := range x {
		square += float64(v) * float64(v)
	}
	for i, v := range x {
		x[i] = float32(float64(v) * norm / math.Sqrt(square))
	}
}

// TestOpposite: directions that cancel are no direction: two models are then
// added as they are, and of more it is an error.
func TestOpposite(t *testing.T) {
	a := opstest.Random(1)
	minus := opstest.Random(1)
	zero := opstest.Random(1)
	for i := range a {
		for j, v := range a[i].Data {
			minus[i].Data[j], zero[i].Data[j] = -v, 0
		}
	}
	for _, name := range []string{"nuslerp", "multislerp"} {
		near(t, name+" of opposites", apply(t, "merge."+name, "{models: [a, b]}", a, minus), zero, 0)
	}
	o := op(t, "merge.multislerp")
	three := opstest.Decode(t, o, "{models: [a, b, {model: c, weight: 2}]}")
	if _, err := opstest.Apply(o, three, 1, opstest.Order{}, a, a, minus); err == nil {
		t.Error("no error")
	}
	near(t, "karcher of zeros", apply(t, "merge.karcher", "{models: [a, b]}", zero, zero), zero, 0)
}

// TestNearswap: limits are exact, and between them the share falls with the
// distance.
func TestNearswap(t *testing.T) {
	a, b := opstest.Random(1), opstest.Random(2)
	near(t, "t = 0", apply(t, "merge.nearswap", "{base: a, model: b, t: 0}", a, b), a, 0)
	near(t, "t large", apply(t, "merge.nearswap", "{base: a, model: b, t: 100}", a, b), b, 0)
	near(t, "copies", apply(t, "merge.nearswap", "{base: a, model: b, t: 0.1}", a, a), a, 0)
	out := apply(t, "merge.nearswap", "{base: a, model: b, t: 0.25}", a, b)
	for i := range out {
		for j, y := range out[i].Data {
			x0, x1 := float64(a[i].Data[j]), float64(b[i].Data[j])
			if moved := math.Abs(float64(y) - x0); math.Abs(moved-min(0.25, math.Abs(x1-x0))) > 1e-6 {
				t.Fatalf("%v to %v moved by %v", x0, x1, moved)
			}
		}
	}
}
