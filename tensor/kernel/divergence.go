package kernel

import "math"

// Divergence returns the Kullback-Leibler divergence of softmax(x) from
// softmax(y), eps being added to every element of both. Nothing cancels: with
// a and b the elements, it is the sum of a*(b/a - 1 - log(b/a)), for the sums of
// a and b are the same, and where x and y are close, b/a - 1 is had from their
// difference; so float32 is enough but for sums. It is within 1e-5 of itself. room
// has twice as many elements and is overwritten. NaN and infinities give NaN.
func Divergence(x, y, room []float32, eps float32) float64 {
	y = y[:len(x)]
	p, q := room[:len(x)], room[len(x):2*len(x)]
	_, top := MinMax(x)
	_, other := MinMax(y)
	shiftedExp(p, x, top)
	shiftedExp(q, y, other)
	sp, sq := Sum(p), Sum(q)
	d := diverging{fp: float32(1 / sp), fq: float32(1 / sq), eps: eps,
		shift: float32(float64(other) - float64(top) + math.Log(sq/sp))}
	return d.sum(x, y, p, q)
}

// diverging is the factors of both softmaxes, and what the difference of their
// logarithms is less than that of x and y.
type diverging struct{ fp, fq, shift, eps float32 }

func (d diverging) sum(x, y, p, q []float32) float64 {
	var s [sums]float64
	n := wholes(len(x))
	switch {
	case n == 0:
	case wide():
		divergenceAVX512(&x[0], &y[0], &p[0], &q[0], d.fp, d.fq, d.shift, d.eps, n, &coefficients[0], &s[0])
	default:
		divergenceAVX2(&x[0], &y[0], &p[0], &q[0], d.fp, d.fq, d.shift, d.eps, n, &coefficients[0], &s[0])
	}
	for i := n; i < len(x); i++ {
		s[i%sums] += float64(d.term(x[i], y[i], p[i], q[i]))
	}
	return join(&s)
}

// term takes exp(t)-1 and r - log(1+r) from their series where t is small.
func (d diverging) term(x, y, p, q float32) float32 {
	t := y - x - d.shift
	p = float32(d.fp * p)
	a := p + d.eps
	if float32(math.Abs(float64(t))) < coefficients[ofNear] {
		r := float32(p*(float32(float32(t*t)*series(t, ofExpm1, 4))+t)) / a
		return a * float32(float32(r*r)*series(r, ofLog1p, 8))
	}
	ratio := (float32(d.fq*q) + d.eps) / a
	return a * max(ratio-1-log32(ratio), 0)
}
