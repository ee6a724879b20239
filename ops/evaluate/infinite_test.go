package evaluate

import (
	"math"
	"strings"
	"testing"

	"github.com/rouxml/roux/schema"
)

var inf = float32(math.Inf(1))

// TestExcludedTokens: a logit of -Inf says that there is no such token, so that
// all is as of a vocabulary without it.
func TestExcludedTokens(t *testing.T) {
	with := [][]float32{{1, -inf, 2, 0.5}, {0, -inf, 3, 1}, {1, -inf, 1, 1}}
	without := [][]float32{{1, 2, 0.5}, {0, 3, 1}, {1, 1, 1}}
	for _, how := range []string{"entropy", "logits", "dynamic", "probabilities"} {
		p := &combine{How: how, Base: schema.Ref{Name: "s"}, Models: []weighted{{Weight: 0.25}, {Weight: 0.75}, {}}}
		if how == "dynamic" {
			p.Models = p.Models[:2]
		}
		a, err := p.place(p.newRoom(4), 0, 2, with)
		if err != nil {
			t.Fatal(how, err)
		}
		b, err := p.place(p.newRoom(3), 0, 1, without)
		if err != nil {
			t.Fatal(how, err)
		}
		near(t, how+": own", a.own, b.own, 0)
		near(t, how+": entropy", a.entropy, b.entropy, 0)
		near(t, how+": shares", a.shares, b.shares, 0)
		near(t, how+": nll", []float64{a.nll}, []float64{b.nll}, 1e-15)
	}
	if h := entropy([]float32{-inf, 3}, 3); h != 0 {
		t.Errorf("the entropy of one possible token is %v", h)
	}
	p, lp := with[0], math.Log(math.Exp(1)+math.Exp(2)+math.Exp(0.5))
	a, err := compared(0, 2, p, lp, 2, with[1])
	if err != nil {
		t.Fatal(err)
	}
	b, err := compared(0, 1, without[0], lp, 1, without[1])
	if err != nil || a != b {
		t.Errorf("%+v and %+v: %v", a, b, err)
	}
}

// TestInfinite: what would be infinite or NaN is an error that names models and
// tokens, and no metric.
func TestInfinite(t *testing.T) {
	p := &combine{How: "dynamic", Base: schema.Ref{Name: "small"}, Models: []weighted{{Model: schema.Ref{Name: "large"}}, {Model: schema.Ref{Name: "expert"}}}}
	_, err := p.place(p.newRoom(3), 0, 0, [][]float32{{1, 2, 3}, {1, 2, 3}, {1, -inf, 2}})
	if err == nil || !strings.Contains(err.Error(), "model expert gives token 1 a probability and small none") {
		t.Error(err)
	}
	for i, name := range []string{"large", "expert", "small"} {
		z := [][]float32{{1, 2, 3}, {1, 2, 3}, {1, 2, 3}}
		z[i][2] = -inf
		_, err := p.place(p.newRoom(3), 0, 2, z)
		if err == nil || !strings.Contains(err.Error(), "model "+name+" gives no probability at all to token 2") {
			t.Error(name, err)
		}
	}
	// What the expert excludes is no reason to follow it.
	at, err := p.place(p.newRoom(3), 0, 0, [][]float32{{1, 2, 3}, {1, -inf, 2}, {1, 2, 2}})
	if err != nil || at.shares[1] != 0 || math.IsNaN(at.nll) {
		t.Errorf("%+v %v", at, err)
	}
	lp := math.Log(math.Exp(1) + math.Exp(2))
	for _, q := range [][]float32{{1, -inf}, {-inf, 1}} {
		if _, err := compared(4, 0, []float32{1, 2}, lp, 1, q); err == nil || !strings.Contains(err.Error(), "window 5: ") {
			t.Errorf("%v: %v", q, err)
		}
	}
	if b := brier([]float64{math.Inf(-1), math.Inf(-1)}, 0); b != 0.5 {
		t.Errorf("the Brier score of two impossible choices is %v", b)
	}
	if b := brier([]float64{math.Inf(-1), -3}, 0); b != 2 {
		t.Errorf("the Brier score of an impossible truth is %v", b)
	}
}
