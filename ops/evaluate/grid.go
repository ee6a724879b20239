package evaluate

import "math"

// grid looks for the best weight of one expert, those of the others being given.
// How far a weight misses is the sum over experts of (to - KL(P_t|P_S))^2 +
// (from - KL(P_S|P_t))^2 with to = KL(P|P_L) and from = KL(P_L|P). Each costs an
// exponential for each token, so that it is not asked for where something that is
// known already says that the weight is not the best; what is found is as if all
// had been asked.
type grid struct {
	f      *fusion
	t      int // the expert
	points [fusionPoints + 1]point
	best   int
	least  float64 // the miss of the best
}

// point is what one weight comes to. To is NaN where nobody needs it.
type point struct{ norm, to, from float64 }

// best returns the best weight of an expert, of equal ones the smallest, and the
// log sum that comes of it.
func (f *fusion) best(t int) (int, float64) {
	g := &grid{f: f, t: t, least: math.Inf(1)}
	alone := true
	for other, a := range f.at {
		alone = alone && (other == t || a == 0)
	}
	g.look(0)
	if alone {
		g.look(fusionPoints)
		g.between(0, fusionPoints)
	} else {
		for i := 1; i <= fusionPoints; i++ {
			g.look(i)
		}
	}
	return g.best, g.points[g.best].norm
}

// look takes a weight for the best if it is.
func (g *grid) look(i int) {
	f := g.f
	f.at[g.t] = i
	p := point{norm: f.fused(), to: math.NaN()}
	for k, l := range f.large {
		p.from += term(f.p[k], l, f.z[k]-p.norm)
	}
	if !(f.miss(math.NaN(), p.from) > g.least) {
		p.to = 0
		for k, l := range f.large {
			lp := f.z[k] - p.norm
			p.to += term(math.Exp(lp), lp, l)
		}
		if miss := f.miss(p.to, p.from); miss < g.least || miss == g.least && i < g.best {
			g.best, g.least = i, miss
		}
	}
	g.points[i] = p
}

// miss is how far a prediction is from the large model's, compared with how far
// each expert is from the small one. What is NaN is left out: rounding is
// monotonous, so that the sum is then no more than the whole.
func (f *fusion) miss(to, from float64) float64 {
	out := 0.0
	for t := range f.d {
		x, y := to-f.to[t], from-f.from[t]
		if to != to {
			x = 0
		}
		out += float64(x*x) + float64(y*y)
	}
	return out
}

// between looks at the weights between two that were looked at, of one expert
// that is alone: P is then P_L tilted by d, and both to and from rise with the
// weight, so that those at the ends hold between them.
func (g *grid) between(low, high int) {
	mid := (low + high) / 2
	if bound := g.bound(low, high); mid == low || bound > g.least || bound == g.least && g.best <= low {
		return
	}
	g.look(mid)
	if g.bound(low, mid) <= g.bound(mid, high) {
		g.between(low, mid)
		g.between(mid, high)
	} else {
		g.between(mid, high)
		g.between(low, mid)
	}
}

// bound is no more than what any weight between two misses by.
func (g *grid) bound(low, high int) float64 {
	a, b, out := g.points[low], g.points[high], 0.0
	for t := range g.f.d {
		x, y := outside(a.to, b.to, g.f.to[t]), outside(a.from, b.from, g.f.from[t])
		out += float64(x*x) + float64(y*y)
	}
	return out
}

// outside is how far c is from the numbers between a and b at the least, their
// rounding counted in; 0 where one is not known.
func outside(a, b, c float64) float64 {
	slack := 1e-9 * (1 + math.Abs(a) + math.Abs(b) + math.Abs(c))
	if d := max(a-c, c-b) - slack; d > 0 {
		return d
	}
	return 0
}
