package evaluate

import (
	"encoding/json"
	"math"
	"os"
	"testing"
)

// goldens are what testdata/combine.py wrote.
func goldens(t *testing.T) (out struct {
	Fusion []struct {
		Z      [][]float32
		A, NLL []float64
	}
	Weights []struct {
		Own [][]float64
		W   []float64
		NLL float64
	}
	Gate []struct {
		Own, Entropy  [][]float64
		Vocab         int
		Theta, Grad   []float64
		Loss, After30 float64
	}
}) {
	t.Helper()
	text, err := os.ReadFile("testdata/combine.json")
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func near(t *testing.T, what string, got, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", what, len(got), len(want))
	}
	for i := range got {
		if !(math.Abs(got[i]-want[i]) <= tolerance) {
			t.Errorf("%s: number %d is %v, want %v", what, i, got[i], want[i])
		}
	}
}

// placesOf makes places of what models say of their tokens.
func placesOf(own, entropy [][]float64) []place {
	out := make([]place, len(own))
	for i := range own {
		out[i].own = own[i]
		if entropy != nil {
			out[i].entropy = entropy[i]
		}
	}
	return out
}

// TestFusion: the weights of dynamic logits fusion, for one expert and several.
func TestFusion(t *testing.T) {
	for i, c := range goldens(t).Fusion {
		sums := make([]float64, len(c.Z))
		for k, row := range c.Z {
			sums[k], _ = logSum(row)
		}
		f := newFusion(len(c.Z), len(c.Z[0]))
		if expert, token := f.begin(c.Z, sums); expert >= 0 {
			t.Fatal(expert, token)
		}
		near(t, "weights", f.solve(), c.A, 1e-9)
		for target, want := range c.NLL {
			near(t, "nll", []float64{f.nll(int32(target))}, []float64{want}, 1e-9)
		}
		if t.Failed() {
			t.Fatalf("case %d", i)
		}
	}
}

// TestFusionOfItself: what the experts learned is all of it where the large
// model is the small one.
func TestFusionOfItself(t *testing.T) {
	z := [][]float32{{1, 2, 0, -1}, {0.5, 3, -2, 1}, {1, 2, 0, -1}}
	sums := make([]float64, 3)
	for k, row := range z {
		sums[k], _ = logSum(row)
	}
	f := newFusion(len(z), len(z[0]))
	f.begin(z, sums)
	near(t, "weight", f.solve(), []float64{1}, 1e-12)
}

// TestLikeliest: expectation and maximisation end where a minimiser does.
func TestLikeliest(t *testing.T) {
	for _, c := range goldens(t).Weights {
		places := placesOf(c.Own, nil)
		w := likeliest(places)
		near(t, "weights", w, c.W, 1e-5)
		nll := 0.0
		for _, at := range places {
			nll += mixture(at.own, w) / float64(len(places))
		}
		near(t, "nll", []float64{nll}, []float64{c.NLL}, 1e-10)
	}
	// A model that is worse everywhere weighs nothing.
	near(t, "weights", likeliest(placesOf([][]float64{{1, 3}, {2, 900}}, nil)), []float64{1, 0}, 1e-9)
}

// TestGate: loss, gradient and steps are torch's.
func TestGate(t *testing.T) {
	for _, c := range goldens(t).Gate {
		g := newGate(make([]float64, len(c.Own[0])), c.Vocab, 1)
		copy(g.theta, c.Theta)
		places := placesOf(c.Own, c.Entropy)
		loss, grad := g.loss(places)
		near(t, "loss", []float64{loss}, []float64{c.Loss}, 1e-10)
		near(t, "gradient", grad, c.Grad, 1e-10)
		m, v := make([]float64, len(grad)), make([]float64, len(grad))
		for step := 1; step <= 30; step++ {
			_, grad := g.loss(places)
			g.adam(step, grad, m, v)
		}
		loss, _ = g.loss(places)
		near(t, "loss after 30 steps", []float64{loss}, []float64{c.After30}, 1e-9)
	}
}

// TestGateBegins: an untrained gate gives the weights that it was made of, and
// training makes nothing worse.
func TestGateBegins(t *testing.T) {
	c := goldens(t).Gate[1]
	places := placesOf(c.Own, c.Entropy)
	w := likeliest(places)
	g := newGate(w, c.Vocab, 3)
	near(t, "shares", g.shares(c.Entropy[0]), w, 1e-9)
	before, _ := g.loss(places)
	g.train(places)
	if after, _ := g.loss(places); !(after < before) {
		t.Errorf("training went from %v to %v", before, after)
	}
	// A model that is right where the other is unsure, and worse on the whole.
	own, entropy := make([][]float64, 200), make([][]float64, 200)
	for i := range own {
		own[i], entropy[i] = []float64{1, 8}, []float64{1, 1}
		if i%20 == 0 {
			own[i], entropy[i] = []float64{3, 0.7}, []float64{3, 1}
		}
	}
	rare := placesOf(own, entropy)
	g2 := newGate(likeliest(rare), c.Vocab, 3)
	before, _ = g2.loss(rare)
	g2.train(rare)
	if after, _ := g2.loss(rare); !(after < before-0.1) {
		t.Errorf("beside a model that is all of a mixture, training went from %v to %v", before, after)
	}
	other := newGate(w, c.Vocab, 3)
	other.train(places)
	near(t, "the same seed", other.theta, g.theta, 0)
}

// TestWindows: the entropies of a window are the means of its places.
func TestWindows(t *testing.T) {
	taken := &taken{windows: 2, places: []place{{sequence: 0, entropy: []float64{1, 2}}, {sequence: 1, entropy: []float64{5, 5}}, {sequence: 0, entropy: []float64{3, 0}}}}
	near(t, "place 0", taken.entropies(true)[0], []float64{2, 1}, 0)
	near(t, "place 2", taken.entropies(true)[2], []float64{2, 1}, 0)
	near(t, "place 2 alone", taken.entropies(false)[2], []float64{3, 0}, 0)
	near(t, "shares", certain([]float64{0.5, 0.5}, []float64{math.Log(2), 0}), []float64{1. / 3, 2. / 3}, 1e-15)
	near(t, "shares", certain([]float64{0, 1}, []float64{0, 1e6}), []float64{0, 1}, 0)
}
