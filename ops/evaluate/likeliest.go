package evaluate

import "math"

// mixture is -ln sum w_i exp(-nll_i).
func mixture(nll, w []float64) float64 {
	least, sum := leastOf(nll, w), 0.0
	for i, v := range nll {
		if w[i] > 0 {
			sum += float64(w[i] * math.Exp(least-v))
		}
	}
	return least - math.Log(sum)
}

// likeliest are the weights of a mixture under which the places' tokens are
// likeliest, by expectation and maximisation (Dempster et al., 1977): the
// likelihood is concave in them, so that there is one maximum.
func likeliest(places []place) []float64 {
	n := len(places[0].own)
	w := make([]float64, n)
	for i := range w {
		w[i] = 1 / float64(n)
	}
	r := make([]float64, n)
	for range 5000 {
		next, moved := make([]float64, n), 0.0
		for _, at := range places {
			responsible(r, at.own, w)
			for i, v := range r {
				next[i] += v
			}
		}
		normalized(next)
		for i := range w {
			moved = max(moved, math.Abs(next[i]-w[i]))
		}
		if w = next; moved < 1e-10 {
			break
		}
	}
	return w
}

// responsible sets r to the share that each model has in a token's probability.
func responsible(r, nll, w []float64) {
	least := leastOf(nll, w)
	for i, v := range nll {
		if r[i] = 0; w[i] > 0 {
			r[i] = float64(w[i] * math.Exp(least-v))
		}
	}
	normalized(r)
}

// leastOf is the smallest number of those that weigh.
func leastOf(x, w []float64) float64 {
	least := math.Inf(1)
	for i, v := range x {
		if w[i] > 0 {
			least = min(least, v)
		}
	}
	return least
}
