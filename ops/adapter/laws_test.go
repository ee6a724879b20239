package adapter

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/lora"
)

var methods = []string{"svd", "linear", "cat", "ties", "ties_svd", "dare_linear", "dare_linear_svd", "dare_ties", "dare_ties_svd", "magnitude_prune", "magnitude_prune_svd"}

// density is the param that the sparse methods need.
func density(method string, share float64) string {
	if method == "svd" || method == "linear" || method == "cat" {
		return ""
	}
	return fmt.Sprintf(", density: %g", share)
}

// drawn makes an adapter of that rank for modules of 9 x 7.
func drawn(seed uint64, rank int, modules ...string) stored {
	r := rand.New(rand.NewPCG(seed, 3))
	s := stored{Config: fmt.Appendf(nil, `{"peft_type": "LORA", "r": %d, "lora_alpha": 3, "use_rslora": %t}`, rank, seed%2 == 1), Tensors: tensors{}}
	for _, m := range modules {
		for part, shape := range map[lora.Part]tensor.Shape{lora.A: {rank, 7}, lora.B: {9, rank}} {
			s.Tensors[lora.Name{Module: m, Part: part}.String()] = values{shape, make([]float32, shape.Numel())}
		}
	}
	for _, x := range s.Tensors.model() {
		for i := range x.Data {
			x.Data[i] = float32(r.NormFloat64())
		}
	}
	return s
}

// sum is the sum of w * scale * B A over adapters.
func sum(t *testing.T, module string, weights []float64, from ...stored) []float64 {
	t.Helper()
	var out []float64
	for i, s := range from {
		c, err := lora.ParseConfig(s.Config)
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range productOf(c, s.Tensors.model(), module) {
			if out == nil {
				out = make([]float64, 63)
			}
			out[k] += weights[i] * v
		}
	}
	return out
}

// TestExact: cat is the sum of the products, and so is svd at the rank of all
// of them together, and every method with one adapter or at a density of one,
// where it is a sum.
func TestExact(t *testing.T) {
	a, b := drawn(1, 2, "m"), drawn(2, 3, "m")
	for _, params := range []string{"method: cat", "method: svd, rank: 5", "method: svd, rank: 99", "method: magnitude_prune_svd, rank: 5, density: 1", "method: dare_linear_svd, rank: 7, density: 1, decompose: exact"} {
		got, c, err := mergeAll(t, "{models: [{model: a, weight: 0.5}, {model: b, weight: -2}], "+params+"}", 1, []stored{a, b})
		if err != nil {
			t.Fatal(err)
		}
		equal(t, params, productOf(c, got, "m"), sum(t, "m", []float64{0.5, -2}, a, b), 2e-6)
	}
	for _, method := range methods {
		got, c, err := mergeAll(t, "{models: [{model: a, weight: -0.7}], method: "+method+density(method, 1)+"}", 1, []stored{a})
		if err != nil {
			t.Fatal(err)
		}
		equal(t, method, productOf(c, got, "m"), sum(t, "m", []float64{-0.7}, a), 2e-6)
	}
}

// TestTail: the error of svd is what the dropped singular values leave: less
// than that of any other pair of factors, such as the first adapter's alone.
func TestTail(t *testing.T) {
	a, b := drawn(1, 2, "m"), drawn(2, 2, "m")
	want := sum(t, "m", []float64{1, 0.1}, a, b)
	miss := func(x []float64) (s float64) {
		for i, v := range x {
			s += (v - want[i]) * (v - want[i])
		}
		return math.Sqrt(s)
	}
	last := miss(sum(t, "m", []float64{1}, a))
	for rank := 2; rank <= 4; rank++ {
		got, c, err := mergeAll(t, fmt.Sprintf("{models: [a, {model: b, weight: 0.1}], rank: %d}", rank), 1, []stored{a, b})
		if err != nil {
			t.Fatal(err)
		}
		now := miss(productOf(c, got, "m"))
		if now >= last {
			t.Errorf("rank %d misses by %v, less misses by %v", rank, now, last)
		}
		last = now
	}
	if last > 1e-5 {
		t.Errorf("full rank misses by %v", last)
	}
}

// TestLaws: a weight of zero is absence, copies of one adapter merge to it, and
// the order of adapters that draw nothing does not matter.
func TestLaws(t *testing.T) {
	a, b := drawn(1, 3, "m"), drawn(2, 3, "m")
	for _, method := range methods {
		random := strings.HasPrefix(method, "dare")
		run := func(models string, share float64, from ...stored) []float64 {
			got, c, err := mergeAll(t, "{models: ["+models+"], method: "+method+density(method, share)+"}", 1, from)
			if err != nil {
				t.Fatal(err)
			}
			return productOf(c, got, "m")
		}
		equal(t, method+" without b", run("a, {model: b, weight: 0}", 0.5, a, b), run("a", 0.5, a), 1e-6)
		if !random {
			equal(t, method+" in another order", run("a, {model: b, weight: 0.4}", 0.5, a, b), run("{model: b, weight: 0.4}, a", 0.5, b, a), 5e-6)
		}
		half := "{model: a, weight: 0.5}, {model: b, weight: 0.5}"
		switch method {
		case "svd", "cat", "ties_svd", "dare_linear_svd", "dare_ties_svd", "magnitude_prune_svd":
			want := sum(t, "m", []float64{1}, a)
			if strings.Contains(method, "ties") { // which averages
				want = sum(t, "m", []float64{0.5}, a)
			}
			equal(t, method+" of copies", run(half, 1, a, a), want, 5e-6)
		}
	}
}

// TestMissing: a module that an adapter lacks counts as zero; each has its own
// rank in the result's config.
func TestMissing(t *testing.T) {
	a, b := drawn(1, 2, "m", "n"), drawn(2, 3, "m", "o")
	for _, params := range []string{"method: cat", "method: svd, rank: 5"} {
		got, c, err := mergeAll(t, "{models: [a, b], "+params+"}", 1, []stored{a, b})
		if err != nil {
			t.Fatal(err)
		}
		for _, module := range []string{"m", "n", "o"} {
			equal(t, params+" "+module, productOf(c, got, module), sum(t, module, []float64{1, 1}, a, b), 2e-6)
		}
	}
}

// TestDraws: dare keeps the share of its density within four standard
// deviations, divided by it; another module, factor or adapter has other draws,
// another seed too, and a module's draws depend on nothing but its name.
func TestDraws(t *testing.T) {
	const n, rank, share = 4000, 2, 0.3
	wide := func(seed uint64, modules ...string) stored {
		s := drawn(seed, rank, modules...)
		for name := range s.Tensors {
			if parsed, _ := lora.Split(name); parsed.Part == lora.A {
				s.Tensors[name] = values{tensor.Shape{rank, n}, slices.Repeat([]float32{2}, rank*n)}
			}
		}
		return s
	}
	masks := func(seed uint64, from ...stored) map[string][]float32 {
		got, _, err := mergeAll(t, fmt.Sprintf("{models: [{model: a, weight: 0.75}], method: dare_linear, density: %g}", share), seed, from)
		if err != nil {
			t.Fatal(err)
		}
		out := map[string][]float32{}
		for _, x := range got {
			out[x.Info.Name] = x.Data
		}
		return out
	}
	name := lora.Name{Module: "m", Part: lora.A}.String()
	other := lora.Name{Module: "n", Part: lora.A}.String()
	both, alone := masks(1, wide(1, "m", "n")), masks(1, wide(1, "m"))
	kept := 0
	want := 2 / share * math.Sqrt(0.75*3/math.Sqrt(rank))
	for _, v := range both[name] {
		if v != 0 {
			kept++
			if math.Abs(float64(v)-want) > 1e-5*want {
				t.Fatalf("kept as %v, want %v", v, want)
			}
		}
	}
	if d := math.Abs(float64(kept) - share*rank*n); d > 4*math.Sqrt(rank*n*share*(1-share)) {
		t.Errorf("%d of %d kept", kept, rank*n)
	}
	if !slices.Equal(both[name], alone[name]) {
		t.Error("another module changes this one's draws")
	}
	if slices.Equal(both[name], both[other]) {
		t.Error("two modules have the same draws")
	}
	if slices.Equal(both[name], masks(2, wide(1, "m"))[name]) {
		t.Error("another seed has the same draws")
	}
}

// TestRefused: adapters that belong to one base alone are not merged.
func TestRefused(t *testing.T) {
	plain := drawn(1, 2, "m")
	dora := drawn(2, 2, "m")
	dora.Config = []byte(`{"peft_type": "LORA", "r": 2, "use_dora": true}`)
	x := values{tensor.Shape{9}, make([]float32, 9)}
	dora.Tensors[lora.Name{Module: "m", Part: lora.Magnitude}.String()] = x
	bias := drawn(3, 2, "m")
	bias.Tensors[lora.Name{Module: "m", Part: lora.Bias}.String()] = x
	table := drawn(4, 2)
	table.Tensors[lora.Name{Module: "m", Part: lora.A, Embedding: true}.String()] = plain.Tensors[lora.Name{Module: "m", Part: lora.A}.String()]
	table.Tensors[lora.Name{Module: "m", Part: lora.B, Embedding: true}.String()] = plain.Tensors[lora.Name{Module: "m", Part: lora.B}.String()]
	for want, other := range map[string]stored{"is DoRA": dora, "has a bias in lora_B": bias, "different bases": table} {
		if _, _, err := mergeAll(t, "{models: [a, b]}", 1, []stored{plain, other}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
