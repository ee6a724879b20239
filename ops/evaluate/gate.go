package evaluate

import (
	"math"
	"slices"

	"github.com/rouxml/roux/tensor/rng"
)

// The net of a gate and how it is trained; they are part of the protocol.
const (
	gateUnits = 16
	gateSteps = 500
	gateRate  = 0.01
	gateFloor = 0.02 // of a weight where training begins: less would hardly move
)

// gate weighs models by their entropies: softmax(V tanh(U h + a) + b), h being
// the entropies divided by that of the uniform distribution. All of its numbers
// lie in one list: U and a by unit, then V and b by model.
type gate struct {
	models int
	scale  float64
	theta  []float64
}

// newGate is a gate that gives the weights w whatever it sees.
func newGate(w []float64, vocab int, seed uint64) *gate {
	n := len(w)
	g := &gate{models: n, scale: 1 / math.Log(float64(vocab)), theta: make([]float64, gateUnits*(n+1)+n*(gateUnits+1))}
	key := rng.NewKey(seed, "evaluate", "gate", "", "init")
	for i := range gateUnits * (n + 1) {
		g.theta[i] = 2*float64(key.Uniform(i)) - 1
	}
	for i, v := range w {
		g.theta[g.out(i)+gateUnits] = math.Log(max(v, 1e-12))
	}
	return g
}

// in is where the numbers of a hidden unit begin, and out those of a model.
func (g *gate) in(unit int) int   { return unit * (g.models + 1) }
func (g *gate) out(model int) int { return gateUnits*(g.models+1) + model*(gateUnits+1) }

// forward sets the hidden units and returns the models' shares.
func (g *gate) forward(hidden, entropy []float64) []float64 {
	for u := range hidden {
		row := g.theta[g.in(u):]
		sum := row[g.models]
		for i, h := range entropy {
			sum += float64(row[i] * h * g.scale)
		}
		hidden[u] = math.Tanh(sum)
	}
	out := make([]float64, g.models)
	for i := range out {
		row := g.theta[g.out(i):]
		out[i] = row[gateUnits]
		for u, h := range hidden {
			out[i] += float64(row[u] * h)
		}
	}
	most := slices.Max(out)
	for i, v := range out {
		out[i] = math.Exp(v - most)
	}
	return normalized(out)
}

// shares are the models' weights where their entropies are these.
func (g *gate) shares(entropy []float64) []float64 {
	return g.forward(make([]float64, gateUnits), entropy)
}

// loss is the mean negative log likelihood of the places' tokens, and its
// gradient.
func (g *gate) loss(places []place) (float64, []float64) {
	grad, hidden, r := make([]float64, len(g.theta)), make([]float64, gateUnits), make([]float64, g.models)
	sum, n := 0.0, float64(len(places))
	for _, at := range places {
		s := g.forward(hidden, at.entropy)
		sum += mixture(at.own, s)
		responsible(r, at.own, s)
		back := [gateUnits]float64{}
		for i := range s {
			d := (s[i] - r[i]) / n
			row, to := g.theta[g.out(i):], grad[g.out(i):]
			to[gateUnits] += d
			for u, h := range hidden {
				to[u] += float64(d * h)
				back[u] += float64(d * row[u])
			}
		}
		for u, h := range hidden {
			d := back[u] * (1 - float64(h*h))
			to := grad[g.in(u):]
			to[g.models] += d
			for i, e := range at.entropy {
				to[i] += float64(d * e * g.scale)
			}
		}
	}
	return sum / n, grad
}

// train fits the gate by Adam (Kingma and Ba, 2015) over all places at once, and
// keeps what was best, be it what it began with.
func (g *gate) train(places []place) {
	m, v := make([]float64, len(g.theta)), make([]float64, len(g.theta))
	best := slices.Clone(g.theta)
	least, _ := g.loss(places)
	for i := range g.models {
		b := &g.theta[g.out(i)+gateUnits]
		*b = max(*b, math.Log(gateFloor))
	}
	for step := 1; step <= gateSteps+1; step++ {
		loss, grad := g.loss(places)
		if loss < least {
			least = loss
			copy(best, g.theta)
		}
		g.adam(step, grad, m, v)
	}
	g.theta = best
}

// adam takes one step, m and v being the means of the gradient and its square.
func (g *gate) adam(step int, grad, m, v []float64) {
	c1, c2 := 1-math.Pow(0.9, float64(step)), 1-math.Pow(0.999, float64(step))
	for i, d := range grad {
		m[i] = float64(0.9*m[i]) + float64((1-0.9)*d)
		v[i] = float64(0.999*v[i]) + float64((1-0.999)*d*d)
		g.theta[i] -= gateRate * (m[i] / c1) / (math.Sqrt(v[i]/c2) + 1e-8)
	}
}
