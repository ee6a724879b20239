package linalg

import "math"

// bidiagonalQR turns the upper bidiagonal matrix (d, e) of norm about one into
// its singular values in d, in no order and of any sign, by implicit QR
// iterations, without a shift where that keeps small values accurate. The rows
// of u and v, unless nil, turn along. The result is the largest element left
// off the diagonal: zero unless it fails.
// Source: Demmel and Kahan 1990, Accurate singular values of bidiagonal matrices.
func bidiagonalQR(d, e []float64, u, v *rowTurner) (left float64) {
	s := &qrSweep{d: d, e: e, u: u, v: v}
	budget := maxSweeps * len(d)
	for high := len(d) - 1; high > 0; {
		low := high
		for low > 0 && !(math.Abs(e[low-1]) <= negligible) {
			low--
		}
		if low > 0 {
			e[low-1] = 0
		}
		if low == high {
			high--
			continue
		}
		down := math.Abs(d[low]) >= math.Abs(d[high])
		smallest, split := s.splits(low, high, down)
		if split {
			continue
		}
		if budget--; budget < 0 {
			return largest(e)
		}
		s.sweep(low, high, down, s.shift(low, high, down, smallest))
	}
	return 0
}

// rowTurner rotates neighbouring rows of a matrix; a nil one does nothing.
type rowTurner struct {
	q        []float64
	ld, cols int
}

func (t *rowTurner) turn(i int, c, s float64) {
	if t != nil {
		rotateRows(t.q, t.ld, t.cols, i, c, s)
	}
}

type qrSweep struct {
	d, e []float64
	u, v *rowTurner
}

const qrTolerance = 8 * epsilon

// splits sets off-diagonal elements that are negligible beside the smallest
// singular value to zero, and returns a lower bound of that value.
func (s *qrSweep) splits(low, high int, down bool) (smallest float64, split bool) {
	last, lastD := high-1, high
	first, step := low, 1
	if !down {
		last, lastD = low, low
		first, step = high, -1
	}
	if math.Abs(s.e[last]) <= qrTolerance*math.Abs(s.d[lastD]) {
		s.e[last] = 0
		return 0, true
	}
	mu := math.Abs(s.d[first])
	smallest = mu
	for i := first; i != lastD; i += step {
		off := &s.e[min(i, i+step)]
		if math.Abs(*off) <= qrTolerance*mu {
			*off = 0
			return 0, true
		}
		mu = math.Abs(s.d[i+step]) * (mu / (mu + math.Abs(*off)))
		smallest = min(smallest, mu)
	}
	return smallest, false
}

// shift is the smaller singular value of the last two rows, or zero where a
// shift would cost the smallest values their digits.
func (s *qrSweep) shift(low, high int, down bool, smallest float64) float64 {
	top := max(largest(s.d[low:high+1]), largest(s.e[low:high]))
	if float64(len(s.d))*qrTolerance*(smallest/top) <= max(epsilon, 0.01*qrTolerance) {
		return 0
	}
	shift, start := smallerValue(s.d[high-1], s.e[high-1], s.d[high]), s.d[low]
	if !down {
		shift, start = smallerValue(s.d[low], s.e[low], s.d[low+1]), s.d[high]
	}
	if r := shift / start; r*r < epsilon {
		return 0
	}
	return shift
}

// smallerValue is the smaller singular value of [f g; 0 h].
func smallerValue(f, g, h float64) float64 {
	f, g, h = math.Abs(f), math.Abs(g), math.Abs(h)
	small, big := min(f, h), max(f, h)
	if small == 0 {
		return 0
	}
	if g < big {
		as, at, au := 1+small/big, (big-small)/big, g/big*(g/big)
		return small * (2 / (math.Sqrt(as*as+au) + math.Sqrt(at*at+au)))
	}
	au := big / g
	if au == 0 {
		return small * big / g
	}
	as, at := 1+small/big, (big-small)/big
	return 2 * (small * (1 / (math.Sqrt(1+as*au*(as*au)) + math.Sqrt(1+at*au*(at*au))))) * au
}

// givens makes the rotation with c*f + s*g = r and c*g - s*f = 0.
func givens(f, g float64) (c, s, r float64) {
	if g == 0 {
		return 1, 0, f
	}
	r = length(f, g)
	return f / r, g / r, r
}

func (s *qrSweep) sweep(low, high int, down bool, shift float64) {
	switch {
	case shift == 0 && down:
		s.zeroDown(low, high)
	case shift == 0:
		s.zeroUp(low, high)
	case down:
		s.shiftedDown(low, high, shift)
	default:
		s.shiftedUp(low, high, shift)
	}
}

func (s *qrSweep) zeroDown(low, high int) {
	d, e := s.d, s.e
	c, cOld, sOld := 1.0, 1.0, 0.0
	for i := low; i < high; i++ {
		c1, s1, r := givens(d[i]*c, e[i])
		if i > low {
			e[i-1] = sOld * r
		}
		c = c1
		cOld, sOld, d[i] = givens(cOld*r, d[i+1]*s1)
		s.v.turn(i, c1, s1)
		s.u.turn(i, cOld, sOld)
	}
	h := d[high] * c
	d[high], e[high-1] = h*cOld, h*sOld
}

func (s *qrSweep) zeroUp(low, high int) {
	d, e := s.d, s.e
	c, cOld, sOld := 1.0, 1.0, 0.0
	for i := high; i > low; i-- {
		c1, s1, r := givens(d[i]*c, e[i-1])
		if i < high {
			e[i] = sOld * r
		}
		c = c1
		cOld, sOld, d[i] = givens(cOld*r, d[i-1]*s1)
		s.u.turn(i-1, c1, -s1)
		s.v.turn(i-1, cOld, -sOld)
	}
	h := d[low] * c
	d[low], e[low] = h*cOld, h*sOld
}

// startBulge is the first column of B'B - shift^2, up to a factor.
func startBulge(d, shift float64) float64 {
	return (math.Abs(d) - shift) * (math.Copysign(1, d) + shift/d)
}

func (s *qrSweep) shiftedDown(low, high int, shift float64) {
	d, e := s.d, s.e
	f, g := startBulge(d[low], shift), e[low]
	for i := low; i < high; i++ {
		c, sn, r := givens(f, g)
		if i > low {
			e[i-1] = r
		}
		s.v.turn(i, c, sn)
		f, e[i] = c*d[i]+sn*e[i], c*e[i]-sn*d[i]
		g, d[i+1] = sn*d[i+1], c*d[i+1]
		c, sn, d[i] = givens(f, g)
		s.u.turn(i, c, sn)
		f, d[i+1] = c*e[i]+sn*d[i+1], c*d[i+1]-sn*e[i]
		if i < high-1 {
			g, e[i+1] = sn*e[i+1], c*e[i+1]
		}
	}
	e[high-1] = f
}

func (s *qrSweep) shiftedUp(low, high int, shift float64) {
	d, e := s.d, s.e
	f, g := startBulge(d[high], shift), e[high-1]
	for i := high; i > low; i-- {
		c, sn, r := givens(f, g)
		if i < high {
			e[i] = r
		}
		s.u.turn(i-1, c, -sn)
		f, e[i-1] = c*d[i]+sn*e[i-1], c*e[i-1]-sn*d[i]
		g, d[i-1] = sn*d[i-1], c*d[i-1]
		c, sn, d[i] = givens(f, g)
		s.v.turn(i-1, c, -sn)
		f, d[i-1] = c*e[i-1]+sn*d[i-1], c*d[i-1]-sn*e[i-1]
		if i > low+1 {
			g, e[i-2] = sn*e[i-2], c*e[i-2]
		}
	}
	e[low] = f
}
