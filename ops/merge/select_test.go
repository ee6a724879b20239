package merge

import (
	"math"
	"slices"
	"testing"

	"github.com/rouxml/roux/ops/opstest"
)

// TestSelections: what must hold of the methods that choose elements of task
// vectors, none of which has weights.
func TestSelections(t *testing.T) {
	a, b, c := opstest.Random(1), opstest.Random(2), opstest.Random(3)
	for name, params := range map[string]string{
		"sce":        "{base: a, models: [b, c]",
		"ram":        "{base: a, models: [b, c], epsilon: 0.4",
		"ramplus_tl": "{base: a, models: [b, c], epsilon: 0.4",
	} {
		near(t, name+": copies of the base", apply(t, "merge."+name, params+"}", a, a, a), a, 0)
		x, y := apply(t, "merge."+name, params+"}", a, b, c), apply(t, "merge."+name, params+"}", a, c, b)
		near(t, name+": order of models", x, y, 1e-6)
	}
	for name, params := range map[string]string{"sce": "", "ram": ", epsilon: 0", "ramplus_tl": ", epsilon: 0"} {
		copies := apply(t, "merge."+name, "{base: a, models: [b, c]"+params+"}", a, b, b)
		near(t, name+": copies", copies, b, 1e-6)
	}
	near(t, "arcee_fusion: copies", apply(t, "merge.arcee_fusion", "{base: a, model: b}", a, a), a, 0)
}

// TestSCELimits: nothing selected leaves the base, and selecting all that
// varies is the same as no selection where all does.
func TestSCELimits(t *testing.T) {
	a, b, c := opstest.Random(1), opstest.Random(2), opstest.Random(3)
	near(t, "none", apply(t, "merge.sce", "{base: a, models: [b, c], select_topk: 0}", a, b, c), a, 0)
	near(t, "none varies", apply(t, "merge.sce", "{base: a, models: [b, c], select_topk: 0.5}", a, b, b), a, 0)
	near(t, "too few", apply(t, "merge.sce", "{base: a, models: [b, c], select_topk: 0.001}", a, b, c), a, 0)
	all := apply(t, "merge.sce", "{base: a, models: [b, c], select_topk: 0.9999999999}", a, b, c)
	near(t, "all", all, apply(t, "merge.sce", "{base: a, models: [b, c]}", a, b, c), 0)
	half := apply(t, "merge.sce", "{base: a, models: [b, c], select_topk: 0.5}", a, b, c)
	for i := range half {
		varied, moved := len(half[i].Data), 0
		for j, v := range half[i].Data {
			if v != a[i].Data[j] {
				moved++
			}
		}
		if moved != varied/2 {
			t.Errorf("%s: %d of %d moved", half[i].Info.Name, moved, varied)
		}
	}
}

// TestRAM: what one model alone changed is added in full, or raised; what both
// did is averaged.
func TestRAM(t *testing.T) {
	base, b, c := opstest.Random(1), opstest.Random(2), opstest.Random(3)
	for i := range base {
		for j := range base[i].Data { // b changes two of four, c the second and third
			base[i].Data[j] = 0
			b[i].Data[j] = [4]float32{3, 1, 0, 0.001}[j%4]
			c[i].Data[j] = [4]float32{0, 2, 5, -0.001}[j%4]
		}
	}
	expect := func(name, params string, want [4]float32) {
		t.Helper()
		for _, m := range apply(t, name, params, base, b, c) {
			if !slices.Equal(m.Data[:4], want[:]) {
				t.Errorf("%s %s: %v, want %v", name, params, m.Data[:4], want)
			}
		}
	}
	expect("merge.ram", "{base: a, models: [b, c], epsilon: 0.01}", [4]float32{3, 1.5, 5, 0})
	expect("merge.ram", "{base: a, models: [b, c], epsilon: 1}", [4]float32{3, 2, 5, 0})
	// Each model shares as many changes as it has of its own: a ratio of 1.
	expect("merge.ramplus_tl", "{base: a, models: [b, c], epsilon: 0.01, r: 0.5, alpha: 2}", [4]float32{4.5, 1.5, 7.5, 0})
	expect("merge.ramplus_tl", "{base: a, models: [b, c], epsilon: 0.01, r: 0.5, alpha: 0.5}", [4]float32{3.75, 1.5, 6.25, 0})
	expect("merge.ramplus_tl", "{base: a, models: [b, c], epsilon: 0.01, r: 0}", [4]float32{3, 1.5, 5, 0})
}

// TestFusion: every element is one of the two, and those of the model are at
// least as far from the base, in their row, as those of the base.
func TestFusion(t *testing.T) {
	a, b := opstest.Random(1), opstest.Random(2)
	for k, m := range apply(t, "merge.arcee_fusion", "{base: a, model: b}", a, b) {
		cols, taken := m.Info.Shape.Cols(), 0
		for row := 0; row < len(m.Data); row += cols {
			kept, swapped := 0.0, math.Inf(1)
			for i := row; i < row+cols; i++ {
				d := math.Abs(float64(b[k].Data[i] - a[k].Data[i]))
				switch m.Data[i] {
				case a[k].Data[i]:
					kept = max(kept, d)
				case b[k].Data[i]:
					swapped = min(swapped, d)
					taken++
				default:
					t.Fatalf("%s: %v is of neither model", m.Info.Name, m.Data[i])
				}
			}
			if kept > swapped {
				t.Errorf("%s: kept %v, swapped %v", m.Info.Name, kept, swapped)
			}
		}
		if taken*2 > len(m.Data) {
			t.Errorf("%s: %d of %d taken", m.Info.Name, taken, len(m.Data))
		}
	}
}
