package kernel

import "math"

// fp8 is a floating point format of eight bits.
type fp8 struct {
	exp, man int
	table    [256]float32
	nan      byte
	over     byte    // code of what is too large
	max      float64 // largest finite value
}

// e4m3 (torch's float8_e4m3fn) has no infinities: what is too large becomes
// 448, as torch 2.15 converts it. e5m2 follows IEEE.
var e4m3, e5m2 = newFP8(4, 3, 0x7f, 0x7e, 448), newFP8(5, 2, 0x7e, 0x7c, 57344)

func newFP8(exp, man int, nan, over byte, largest float64) *fp8 {
	f := &fp8{exp: exp, man: man, nan: nan, over: over, max: largest}
	bias := 1<<(exp-1) - 1
	for c := range 128 {
		e, m := c>>man, c&(1<<man-1)
		v := math.Ldexp(float64(m), 1-bias-man)
		if e > 0 {
			v = math.Ldexp(float64(m+1<<man), e-bias-man)
		}
		switch {
		case v > largest && byte(c) == over:
			v = math.Inf(1)
		case v > largest:
			v = float64(math.Float32frombits(0x7fc00000 | uint32(m)<<(23-man)))
		}
		f.table[c] = float32(v)
		f.table[c|128] = math.Float32frombits(math.Float32bits(f.table[c]) | 1<<31)
	}
	return f
}

// encode rounds to nearest even by counting steps of the value's binade.
func (f *fp8) encode(x float32) byte {
	sign := byte(math.Float32bits(x) >> 24 & 0x80)
	v := math.Abs(float64(x))
	if v != v {
		return sign | f.nan
	}
	bias := 1<<(f.exp-1) - 1
	_, e := math.Frexp(v) // v = m * 2^e, 0.5 <= m < 1
	low := max(e-1, 1-bias)
	step := math.Ldexp(1, low-f.man)
	r := math.RoundToEven(v/step) * step
	if r > f.max || math.IsInf(v, 1) {
		return sign | f.over
	}
	steps := int(r / step)
	if steps < 1<<f.man {
		return sign | byte(steps)
	}
	if steps == 2<<f.man {
		low, steps = low+1, 1<<f.man
	}
	return sign | byte((low+bias)<<f.man|steps&(1<<f.man-1))
}

// E4M3ToF32 widens float8_e4m3fn.
func E4M3ToF32(dst []float32, src []byte) {
	src = src[:len(dst)]
	n := body(len(dst), 1)
	switch {
	case n == 0:
	case wide():
		widenE4M3AVX512(&dst[0], &src[0], n)
	default:
		widenE4M3AVX2(&dst[0], &src[0], n)
	}
	e4m3.widen(dst[n:], src[n:])
}

// E5M2ToF32 widens float8_e5m2.
func E5M2ToF32(dst []float32, src []byte) {
	src = src[:len(dst)]
	n := body(len(dst), 1)
	switch {
	case n == 0:
	case wide():
		widenE5M2AVX512(&dst[0], &src[0], n)
	default:
		widenE5M2AVX2(&dst[0], &src[0], n)
	}
	e5m2.widen(dst[n:], src[n:])
}

// F32ToE4M3 narrows to float8_e4m3fn; what is larger than 448 becomes 448.
func F32ToE4M3(dst []byte, src []float32) {
	dst = dst[:len(src)]
	n := body(len(src), 1)
	switch {
	case n == 0:
	case wide():
		narrowE4M3AVX512(&dst[0], &src[0], n)
	default:
		narrowE4M3AVX2(&dst[0], &src[0], n)
	}
	e4m3.narrow(dst[n:], src[n:])
}

// F32ToE5M2 narrows to float8_e5m2; what rounds beyond 57344 is infinite.
func F32ToE5M2(dst []byte, src []float32) {
	dst = dst[:len(src)]
	n := body(len(src), 1)
	switch {
	case n == 0:
	case wide():
		narrowE5M2AVX512(&dst[0], &src[0], n)
	default:
		narrowE5M2AVX2(&dst[0], &src[0], n)
	}
	e5m2.narrow(dst[n:], src[n:])
}

func (f *fp8) widen(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = f.table[src[i]]
	}
}

func (f *fp8) narrow(dst []byte, src []float32) {
	for i, x := range src {
		dst[i] = f.encode(x)
	}
}
