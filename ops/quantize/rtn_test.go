package quantize

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/ops/opstest"
)

func apply(t *testing.T, params string, m opstest.Model) (opstest.Model, error) {
	t.Helper()
	reg, err := ops.NewRegistry(&Set)
	if err != nil {
		t.Fatal(err)
	}
	op, _ := reg.Op("quantize.rtn")
	return opstest.Apply(op, opstest.Decode(t, op, params), 0, opstest.Order{Rows: 2}, m)
}

func matrices(seed uint64) opstest.Model {
	return slices.DeleteFunc(opstest.Random(seed), func(m opstest.Matrix) bool { return len(m.Info.Shape) != 2 })
}

// TestErrorBound: no element is off by more than half a step, a step being the
// range of its group over the number of levels.
func TestErrorBound(t *testing.T) {
	for _, c := range []struct {
		params string
		levels float64
		sym    bool
	}{{"{model: a, bits: 4, group_size: 4}", 15, true}, {"{model: a, bits: 8, group_size: 4}", 255, true},
		{"{model: a, bits: 4, group_size: 4, symmetric: false}", 15, false}, {"{model: a, bits: 8, group_size: 4, symmetric: false}", 255, false}} {
		m := matrices(1)
		out, err := apply(t, c.params, m)
		if err != nil {
			t.Fatal(err)
		}
		for i, o := range out {
			for g := 0; g < len(o.Data); g += 4 {
				lo, hi := 0.0, 0.0
				for _, v := range m[i].Data[g : g+4] {
					lo, hi = min(lo, float64(v)), max(hi, float64(v))
				}
				span := hi - lo
				if c.sym {
					span = 2 * max(hi, -lo)
				}
				for k := range 4 {
					if d := math.Abs(float64(o.Data[g+k] - m[i].Data[g+k])); d > 0.501*span/c.levels {
						t.Fatalf("%s: %s[%d] is off by %v of a range of %v", c.params, o.Info.Name, g+k, d, span)
					}
				}
			}
		}
	}
}

// TestSearchHelps: more scales to choose from never make the error larger.
func TestSearchHelps(t *testing.T) {
	m := matrices(2)
	sum := func(params string) float64 {
		out, err := apply(t, params, m)
		if err != nil {
			t.Fatal(err)
		}
		var e float64
		for i, o := range out {
			for j, v := range o.Data {
				d := float64(v - m[i].Data[j])
				e += d * d
			}
		}
		return e
	}
	if a, b := sum("{model: a, bits: 4, group_size: 8}"), sum("{model: a, bits: 4, group_size: 8, search: 20}"); b > a {
		t.Errorf("search raised the squared error from %v to %v", a, b)
	}
}

// TestZeros: groups of zeros stay zeros; a group size that does not divide the
// columns is an error with its cure.
func TestZeros(t *testing.T) {
	m := matrices(3)
	clear(m[0].Data)
	out, err := apply(t, "{model: a, bits: 4, group_size: 4, symmetric: false}", m)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range out[0].Data {
		if v != 0 {
			t.Fatal("a zero became", v)
		}
	}
	if _, err := apply(t, "{model: a, group_size: 5}", m); err == nil || !strings.Contains(err.Error(), "choose another group_size") {
		t.Errorf("got %v", err)
	}
}
