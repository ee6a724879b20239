package kernel

// mapped is a loop of the assembly, for both levels.
type mapped struct {
	avx2, avx512 func(dst, x *float32, n int, c *float32)
	one          func(float32) float32
}

// to sets dst to the function of x, element by element; they may be the same.
func (m mapped) to(dst, x []float32) {
	x = x[:len(dst)]
	n := body(len(dst), 1)
	switch {
	case n == 0:
	case wide():
		m.avx512(&dst[0], &x[0], n, &coefficients[0])
	default:
		m.avx2(&dst[0], &x[0], n, &coefficients[0])
	}
	for i := n; i < len(dst); i++ {
		dst[i] = m.one(x[i])
	}
}

// Exp sets dst to the exponential of x, within 0.9 units in the last place,
// denormal results included; NaN stays NaN. dst may be x, as in all of these.
func Exp(dst, x []float32) { shiftedExp(dst, x, 0) }

// shiftedExp sets dst to exp(x-shift), the difference rounded.
func shiftedExp(dst, x []float32, shift float32) {
	x = x[:len(dst)]
	n := body(len(dst), 1)
	switch {
	case n == 0:
	case wide():
		shiftedExpAVX512(&dst[0], &x[0], shift, n, &coefficients[0])
	default:
		shiftedExpAVX2(&dst[0], &x[0], shift, n, &coefficients[0])
	}
	for i := n; i < len(dst); i++ {
		dst[i] = exp32(x[i] - shift)
	}
}

// Log sets dst to the natural logarithm of x, within 0.9 units in the last
// place; of zero it is minus infinity, of what is below zero NaN.
func Log(dst, x []float32) { mapped{logAVX2, logAVX512, log32}.to(dst, x) }

// Tanh sets dst to the hyperbolic tangent of x, within 1.5 units in the last
// place.
func Tanh(dst, x []float32) { mapped{tanhAVX2, tanhAVX512, tanh32}.to(dst, x) }

// Sigmoid sets dst to 1/(1+exp(-x)), within 2.1 units in the last place, denormal
// results included.
func Sigmoid(dst, x []float32) { mapped{sigmoidAVX2, sigmoidAVX512, sigmoid32}.to(dst, x) }

// SiLU sets dst to x*sigmoid(x), within 3 units in the last place, or 3|x| of
// the smallest denormal; of minus infinity it is NaN, as torch has it (Elfwing et al. 2017, arXiv:1702.03118).
func SiLU(dst, x []float32) { mapped{siluAVX2, siluAVX512, silu32}.to(dst, x) }

// GELU sets dst to x times the normal distribution at x, within 3e-7
// of |x| or of the smallest normal number (Hendrycks and Gimpel 2016, arXiv:1606.08415).
func GELU(dst, x []float32) { mapped{geluAVX2, geluAVX512, gelu32}.to(dst, x) }

// GELUTanh sets dst to the approximation x/2*(1+tanh(sqrt(2/pi)(x+0.044715x³)))
// of the same paper, within the same bound.
func GELUTanh(dst, x []float32) { mapped{geluTanhAVX2, geluTanhAVX512, geluTanh32}.to(dst, x) }
