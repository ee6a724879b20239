package kernel

import "math"

// coefficients is what the elementary functions are made of. The assembly
// reads them from here, by their places. The polynomials are minimax fits
// (Lawson's iteration in float64) to what their functions below say.
var coefficients = [...]float32{
	-104, 89, // beyond these the exponential is 0 or infinite
	1.442695, 12582912, 0.693145751953125, 1.4286068e-06, 1, // 1/log 2; 1.5*2^23; log 2 in two parts
	0.49999994, 0.16666521, 0.04166839, 0.008368716, 0.0013814602,
	0x1p-126, 0x1p23, -23, 0.70710677, 0.5,
	0.3333333, -0.2500082, 0.20001227, -0.16623357, 0.14201757, -0.13160183, 0.12761576, -0.07634497,
	float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()),
	0.625, 2,
	-0.3333328, 0.13331442, -0.053739715, 0.020639086, -0.005704987,
	0.35, 0.1396213, 0.13986352, 0.11982128, 0.10555253, -0.023212433, 0.15931982, -0.2558391, 0.14403097, -0.029157897,
	1.5957691, 0.07135482, // 2*sqrt(2/pi), and 0.044715 of it
	0.125, 1. / 2, 1. / 6, 1. / 24, 1. / 120, // up to there Taylor's series: (exp(t)-1-t)/(t*t)
	1. / 2, -1. / 3, 1. / 4, -1. / 5, 1. / 6, -1. / 7, 1. / 8, -1. / 9, // and (r-log(1+r))/(r*r)
}

// Where they begin.
const (
	ofExp    = 7
	ofLog    = 17
	ofTanh   = 30
	ofTail   = 35
	ofNormal = 36
	ofGelu   = 45
	ofNear   = 47
	ofExpm1  = 48
	ofLog1p  = 52
)

// series is the polynomial in x with n coefficients, two of them at a time,
// every product and sum rounded.
func series(x float32, first, n int) float32 {
	c := coefficients[first : first+n]
	square := float32(x * x)
	p := c[n-1]
	if n%2 == 0 {
		p = float32(p*x) + c[n-2]
	}
	for i := (n-1)/2*2 - 2; i >= 0; i -= 2 {
		p = float32(p*square) + (float32(c[i+1]*x) + c[i])
	}
	return p
}

// exp32 takes out the multiple of log 2 that leaves r within 0.3466, and
// computes 1 + r + r*r*q(r), q being (exp(r)-1-r)/(r*r).
func exp32(x float32) float32 {
	c := &coefficients
	if x < c[0] {
		x = c[0]
	}
	if x > c[1] {
		x = c[1]
	}
	k := float32(x*c[2]) + c[3]
	n := int32(math.Float32bits(k) - math.Float32bits(c[3]))
	k -= c[3]
	x -= float32(k * c[4])
	t := float32(k * c[5])
	r := x - t
	low := x - r - t
	p := float32(float32(r*r)*series(r, ofExp, 5)) + low + r + 1
	return float32(p*power(n>>1)) * power(n-n>>1)
}

// power is 2^n.
func power(n int32) float32 { return math.Float32frombits(uint32(n)<<23 + 0x3f800000) }

// log32 parts x into 2^e*(1+f), f from sqrt(1/2)-1 to sqrt(2)-1, and computes
// f - f*f/2 + f*f*f*p(f) + e*log 2.
func log32(x float32) float32 {
	switch {
	case x < 0:
		return float32(math.NaN())
	case x == 0:
		return float32(math.Inf(-1))
	case !(x < float32(math.Inf(1))):
		return x
	}
	c := &coefficients
	var steps float32
	if x < c[12] {
		x, steps = x*c[13], c[14]
	}
	b := math.Float32bits(x)
	n := int32(b-math.Float32bits(c[15])) >> 23
	f := math.Float32frombits(b-uint32(n)<<23) - 1
	e := float32(n) + steps
	square := float32(f * f)
	y := float32(series(f, ofLog, 8)*float32(square*f)) + float32(e*c[5])
	return f + (y - float32(0.5*square)) + float32(e*c[4])
}

// tanh32 is x + x*x*x*p(x*x) where x is small.
func tanh32(x float32) float32 {
	a := float32(math.Abs(float64(x)))
	var y float32
	if a < 0.625 {
		z := float32(a * a)
		y = float32(float32(z*a)*series(z, ofTanh, 5)) + a
	} else {
		y = 1 - 2/(exp32(a+a)+1)
	}
	return float32(math.Copysign(float64(y), float64(x)))
}

func sigmoid32(x float32) float32 {
	e := exp32(-float32(math.Abs(float64(x))))
	if x < 0 {
		return e / (1 + e)
	}
	return 1 / (1 + e)
}

func silu32(x float32) float32 { return x * sigmoid32(x) }

func geluTanh32(x float32) float32 {
	u := float32(float32(x*x)*coefficients[ofGelu+1]) + coefficients[ofGelu]
	return x * sigmoid32(x*u)
}

// gelu32 takes the tail of the normal distribution as exp(-x*x/2)*t*p(t), with
// t = 1/(1+0.35|x|).
func gelu32(x float32) float32 {
	t := 1 / (float32(float32(math.Abs(float64(x)))*coefficients[ofTail]) + 1)
	tail := exp32(-float32(float32(x*0.5)*x)) * float32(t*series(t, ofNormal, 9))
	if x < 0 {
		return x * tail
	}
	return x * (1 - tail)
}
