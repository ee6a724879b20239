package linalg

import "math"

// secular is the equation 1/rho + sum of w[k] / (p_k - x) = 0, whose roots
// interlace the poles p_0 < p_1 < ... It has p_k = d[k], or d[k]^2 where
// squared is set; squares are never formed, for differences keep their digits
// only as (d[i]-d[k])*(d[i]+d[k]). All w are positive.
type secular struct {
	d, w    []float64
	rho     float64
	squared bool
	total   float64 // sum of w
}

// gap is p_i - p_k to full relative accuracy.
func (s *secular) gap(i, k int) float64 {
	g := s.d[i] - s.d[k]
	if s.squared {
		g *= s.d[i] + s.d[k]
	}
	return g
}

func (s *secular) gaps(out []float64, origin int) {
	o := s.d[origin]
	for k, v := range s.d {
		out[k] = v - o
	}
	if s.squared {
		for k, v := range s.d {
			out[k] *= v + o
		}
	}
}

// bracket is the root's side of things: mu is sought between low and high,
// counted from the pole origin.
type bracket struct {
	origin        int
	mu, low, high float64
}

// root finds root i, above pole i and below pole i+1, as a distance mu from the
// nearer of them, and sets diff[k] to p_k minus the root, to full relative
// accuracy. A result false means that it did not converge.
// Source: Li 1993, Solving secular equations stably and efficiently (LAPACK
// working note 89): the fixed weight and the middle way, here inside a bracket.
func (s *secular) root(i int, diff []float64) (origin int, mu float64, ok bool) {
	if len(s.d) == 1 {
		mu = s.rho * s.w[0]
		diff[0] = -mu
		return 0, mu, true
	}
	b := s.begin(i, diff)
	s.gaps(diff, b.origin)
	last := i == len(s.d)-1
	first := i // the first of the two poles that the step interpolates
	if last {
		first--
	}
	before := math.Inf(1)
	fixed := true
	for range 100 {
		f := s.evaluate(diff, first, b.mu)
		if math.Abs(f.value) <= epsilon*(8*f.size+math.Abs(b.mu)*f.slope()) {
			ok = true
			break
		}
		if f.value < 0 {
			b.low = b.mu
		} else {
			b.high = b.mu
		}
		if math.Abs(f.value) > 0.1*before {
			fixed = !fixed
		}
		before = math.Abs(f.value)
		next := b.mu + s.step(f, diff, b, first, last, fixed)
		if !(next > b.low && next < b.high) {
			next = b.middle()
		}
		if next == b.mu || next <= b.low || next >= b.high {
			ok = true // no number lies between
			break
		}
		b.mu = next
	}
	for k := range diff {
		diff[k] -= b.mu
	}
	return b.origin, b.mu, ok
}

// middle halves the bracket: by ratio where both ends have one sign.
func (b bracket) middle() float64 {
	switch {
	case b.low > 0:
		return math.Sqrt(b.low) * math.Sqrt(b.high)
	case b.high < 0:
		return -math.Sqrt(-b.low) * math.Sqrt(-b.high)
	}
	return b.low + (b.high-b.low)/2
}

// begin looks at the middle of the interval for the half with the root, and
// guesses from the two nearest poles with the others held still.
func (s *secular) begin(i int, work []float64) bracket {
	s.gaps(work, i)
	if i == len(s.d)-1 {
		width := s.rho * s.total
		b := bracket{origin: i, mu: width / 2, low: width / 2, high: width * (1 + 8*epsilon)}
		if s.evaluate(work, i-1, b.mu).value >= 0 {
			b.low, b.high = 0, width/2
			b.mu = width / 4
		}
		return b
	}
	width := s.gap(i+1, i)
	half := width / 2
	f := s.evaluate(work, i, half).value
	rest := f + s.w[i]/half - s.w[i+1]/half
	b := bracket{origin: i, high: half}
	a, c := rest*width+s.w[i]+s.w[i+1], s.w[i]*width
	if f < 0 {
		b = bracket{origin: i + 1, low: -half}
		a, c = -rest*width+s.w[i]+s.w[i+1], -s.w[i+1]*width
	}
	if b.mu = quadratic(rest, a, c); !(b.mu > b.low && b.mu < b.high) {
		b.mu = b.middle()
	}
	return b
}

// quadratic is the root of a2*x^2 - a1*x + a0 that is a0/a1 when a2 vanishes.
func quadratic(a2, a1, a0 float64) float64 {
	r := math.Sqrt(math.Abs(a1*a1 - 4*a0*a2))
	if a1 > 0 {
		return 2 * a0 / (a1 + r)
	}
	return (a1 - r) / (2 * a2)
}

// evaluation is the equation at one point: the terms of poles up to first and
// of those after it apart.
type evaluation struct {
	value, size  float64 // size is the sum of the terms' magnitudes
	lower, upper float64 // slopes
}

func (f evaluation) slope() float64 { return f.lower + f.upper }

func (s *secular) evaluate(gap []float64, first int, mu float64) evaluation {
	low, lowSlope := secularSums(gap[:first+1], s.w[:first+1], mu)
	high, highSlope := secularSums(gap[first+1:], s.w[first+1:], mu)
	one := 1 / s.rho
	return evaluation{value: one + low + high, size: one + math.Abs(low) + math.Abs(high), lower: lowSlope, upper: highSlope}
}

// step is the correction to mu that solves c + x/(p_first - mu) + y/(p_next - mu),
// fitted to the value and the slopes. With fixed set, the pole that is the
// origin keeps its true weight.
func (s *secular) step(f evaluation, gap []float64, b bracket, first int, last, fixed bool) float64 {
	d1, d2 := gap[first]-b.mu, gap[first+1]-b.mu
	var c float64
	switch {
	case last || !fixed:
		c = f.value - d1*f.lower - d2*f.upper
	case b.origin == first:
		r := s.w[first] / d1
		c = f.value - d2*f.slope() + r/d1*(gap[first+1]-gap[first])
	default:
		r := s.w[first+1] / d2
		c = f.value - d1*f.slope() - r/d2*(gap[first+1]-gap[first])
	}
	a := (d1+d2)*f.value - d1*d2*f.slope()
	e := d1 * d2 * f.value
	var eta float64
	if last {
		c = math.Abs(c)
		r := math.Sqrt(math.Abs(a*a - 4*e*c))
		if a >= 0 {
			eta = (a + r) / (2 * c)
		} else {
			eta = 2 * e / (a - r)
		}
	} else {
		eta = quadratic(c, a, e)
	}
	if !(eta*f.value < 0) || math.IsInf(eta, 0) {
		eta = -f.value / f.slope()
	}
	return eta
}
