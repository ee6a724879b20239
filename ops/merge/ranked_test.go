package merge

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/rouxml/roux/ops/opstest"
	"github.com/rouxml/roux/schema"
	"github.com/rouxml/roux/tensor"
)

// wide is a model of one tensor.
func wide(name string, rows, cols int, value func(i int) float32) opstest.Model {
	data := make([]float32, rows*cols)
	for i := range data {
		data[i] = value(i)
	}
	return opstest.Model{{Info: tensor.Info{Name: name, DType: tensor.F32, Shape: tensor.Shape{rows, cols}}, Data: data}}
}

// TestDellaLaw: an element of rank r of c is kept with the probability
// density - epsilon + 2 epsilon r/(c-1), and rescaling keeps the sum of
// magnitudes.
func TestDellaLaw(t *testing.T) {
	for _, method := range []string{"merge.della_linear", "merge.della"} {
		dellaLaw(t, method)
	}
}

func dellaLaw(t *testing.T, method string) {
	const density, epsilon = 0.4, 0.3
	for _, shape := range [][2]int{{60000, 5}, {2000, 300}, {60000, 1}} {
		rows, cols := shape[0], shape[1]
		zero := wide("layer.0.up.weight", rows, cols, func(int) float32 { return 0 })
		// Every row holds 1, 2, ..., cols from another beginning.
		tuned := wide("layer.0.up.weight", rows, cols, func(i int) float32 { return float32(1 + (i%cols+i/cols*7)%cols) })
		out := apply(t, method, fmt.Sprintf("{base: a, models: [b], density: %v, epsilon: %v, rescale: false}", density, epsilon), zero, tuned)
		kept := make([]float64, cols)
		all := 0.0
		for i, v := range out[0].Data {
			if v != 0 {
				kept[int(tuned[0].Data[i])-1]++
				all++
			}
		}
		for rank, n := range kept {
			p := density
			if cols > 1 {
				p += epsilon * (2*float64(rank)/float64(cols-1) - 1)
			}
			if math.Abs(n-p*float64(rows)) > 4.5*math.Sqrt(float64(rows)*p*(1-p)) { // 306 of them
				t.Errorf(method+": rank %d of %d: kept %v of %d, want a share of %v", rank, cols, n, rows, p)
			}
		}
		n := float64(rows * cols)
		if math.Abs(all-density*n) > 4*math.Sqrt(n*density*(1-density)) {
			t.Errorf(method+": kept %v of %v", all, n)
		}
		rescaled := apply(t, method, fmt.Sprintf("{base: a, models: [b], density: %v, epsilon: %v}", density, epsilon), zero, tuned)
		var before, after float64
		for i, v := range rescaled[0].Data {
			before, after = before+math.Abs(float64(tuned[0].Data[i])), after+math.Abs(float64(v))
			if (v != 0) != (out[0].Data[i] != 0) {
				t.Fatal("rescaling changes the mask")
			}
		}
		if math.Abs(before-after) > 1e-5*before {
			t.Errorf(method+": sum of magnitudes %v, was %v", after, before)
		}
	}
}

// TestDellaMask: neither the order nor the size of blocks changes a mask, and
// another tensor's name and another model do. Of 320 columns blocks begin with
// words of the mask, so that rows are shown what Prepare held where it may.
func TestDellaMask(t *testing.T) {
	value := func(i int) float32 { return 1 + float32(i*2654435761%1000) }
	zero := func(int) float32 { return 0 }
	o := op(t, "merge.della")
	cols := 300
	run := func(name string, order opstest.Order, params string) []float32 {
		out, err := opstest.Apply(o, opstest.Decode(t, o, params), 1, order, wide(name, 40, cols, zero), wide(name, 40, cols, value), wide(name, 40, cols, value))
		if err != nil {
			t.Fatal(err)
		}
		return out[0].Data
	}
	const first = "{base: a, models: [b, {model: c, weight: 0}], density: 0.5}"
	var want []float32
	for _, cols = range []int{320, 300} {
		want = run("layer.0.up.weight", opstest.Order{}, first)
		for _, order := range []opstest.Order{{Seed: 5, Rows: 1}, {Seed: 6, Rows: 7}, {Rows: 40}, {Seed: 7}, {Seed: 8, Rows: 1}} {
			if !slices.Equal(run("layer.0.up.weight", order, first), want) {
				t.Errorf("%d columns: order %+v changes the mask", cols, order)
			}
		}
	}
	if slices.Equal(run("layer.1.up.weight", opstest.Order{}, first), want) {
		t.Error("two tensors have one mask")
	}
	if slices.Equal(run("layer.0.up.weight", opstest.Order{}, "{base: a, models: [{model: b, weight: 0}, c], density: 0.5}"), want) {
		t.Error("two models have one mask")
	}
}

// TestDellaReach: probabilities outside (0, 1) are told before the run, or,
// where they differ between tensors, when a tensor is met.
func TestDellaReach(t *testing.T) {
	o := op(t, "merge.della")
	in := []opstest.Model{opstest.Random(1), opstest.Random(2)}
	for _, params := range []string{"{base: a, models: [b], density: [0.5, 0.9]}", "{base: a, models: [b], density: 0.5, epsilon: [0.5, 0.1], rescale: false}"} {
		_, err := opstest.Apply(o, opstest.Decode(t, o, params), 1, opstest.Order{}, in...)
		if err == nil || !strings.Contains(err.Error(), "between 0 and 1") {
			t.Errorf("%s: %v", params, err)
		}
	}
	for density, ok := range map[float64]bool{0.1: false, 0.15: false, 0.5: true, 0.9: false, 1: true} {
		p := opstest.Decode(t, o, "{base: a, models: [b, {model: c, weight: 0, density: 0.9}]}").(*della)
		p.Density = schema.Number(density)
		if problems := o.Check(p); (problems == nil) != ok {
			t.Errorf("density %v: %v", density, problems)
		}
	}
}

// TestDrawnShare: of a large tensor every method that draws keeps a share of
// elements, and of magnitudes, that is the density's within four standard
// deviations; della keeps more of the magnitudes, as large elements stay more
// often. Rescaling keeps the sum of magnitudes to rounding, and does not change
// what is kept.
func TestDrawnShare(t *testing.T) {
	const rows, cols = 500, 400
	r := rand.New(rand.NewPCG(1, 2))
	zero := wide("layer.0.up.weight", rows, cols, func(int) float32 { return 0 })
	tuned := wide("layer.0.up.weight", rows, cols, func(int) float32 { return float32(r.NormFloat64()) })
	var n, all, squares float64
	for _, v := range tuned[0].Data {
		n, all, squares = n+1, all+math.Abs(float64(v)), squares+float64(v)*float64(v)
	}
	for _, name := range []string{"dare_linear", "dare_ties", "della", "della_linear"} {
		for _, density := range []float64{0.2, 0.5, 0.8} {
			params := fmt.Sprintf("{base: a, models: [b], normalize: false, density: %v, rescale: ", density)
			plain, rescaled := apply(t, "merge."+name, params+"false}", zero, tuned), apply(t, "merge."+name, params+"true}", zero, tuned)
			var kept, sum, after float64
			for i, v := range plain[0].Data {
				if v != 0 {
					kept++
				}
				if (v != 0) != (rescaled[0].Data[i] != 0) {
					t.Fatalf("%s at %v: rescaling changes what is kept", name, density)
				}
				sum, after = sum+math.Abs(float64(v)), after+math.Abs(float64(rescaled[0].Data[i]))
			}
			p := density * (1 - density)
			if math.Abs(kept-density*n) > 4*math.Sqrt(n*p) {
				t.Errorf("%s at %v: kept %v of %v", name, density, kept, n)
			}
			low := density*all - 4*math.Sqrt(p*squares)
			if high := density*all + 4*math.Sqrt(p*squares); sum < low || (sum > high && !strings.HasPrefix(name, "della")) {
				t.Errorf("%s at %v: kept magnitudes of %v, of %v", name, density, sum, all)
			}
			if math.Abs(after-all) > 1e-5*all {
				t.Errorf("%s at %v: magnitudes of %v after rescaling, were %v", name, density, after, all)
			}
		}
	}
}
