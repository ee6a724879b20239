package kernel

import "math"

// Nearswap sets out to k*model + (1-k)*base, with k = t/|model-base| where that
// is below one and one elsewhere; differences below 1e-6 count as that.
func Nearswap(out, base, model []float32, t float32) {
	base, model = base[:len(out)], model[:len(out)]
	n := body(len(out), 1)
	switch {
	case n == 0:
	case wide():
		nearswapAVX512(&out[0], &base[0], &model[0], t, n)
	default:
		nearswapAVX2(&out[0], &base[0], &model[0], t, n)
	}
	for i := n; i < len(out); i++ {
		out[i] = nearswap(base[i], model[i], t)
	}
}

// NearswapBF16 is Nearswap of models in little-endian bfloat16.
func NearswapBF16(out []float32, base, model []byte, t float32) {
	base, model = base[:2*len(out)], model[:2*len(out)]
	n := body(len(out), 1)
	switch {
	case n == 0:
	case wide():
		nearswapBF16AVX512(&out[0], &base[0], &model[0], t, n)
	default:
		nearswapBF16AVX2(&out[0], &base[0], &model[0], t, n)
	}
	for i := n; i < len(out); i++ {
		out[i] = nearswap(fromBF16(base[2*i:]), fromBF16(model[2*i:]), t)
	}
}

func nearswap(x, y, t float32) float32 {
	k := t / max(float32(math.Abs(float64(y-x))), 1e-6)
	if k < 1 {
		return float32(k*y) + float32((1-k)*x)
	}
	return y
}

// Choose sets dst to b where the mask keeps an element, and to a elsewhere.
func Choose(dst, a, b []float32, keep Mask) {
	a, b = a[:len(dst)], b[:len(dst)]
	n := body(len(dst), 1)
	switch {
	case n == 0:
	case wide():
		chooseAVX512(&dst[0], &a[0], &b[0], &keep[0], n)
	default:
		chooseAVX2(&dst[0], &a[0], &b[0], &keep[0], n)
	}
	for i := n; i < len(dst); i++ {
		dst[i] = a[i]
		if keep.Has(i) {
			dst[i] = b[i]
		}
	}
}

// LerpEach sets dst to wa*a + wb*b, in three roundings, every element with
// weights of its own.
func LerpEach(dst, wa, a, wb, b []float32) {
	wa, a, wb, b = wa[:len(dst)], a[:len(dst)], wb[:len(dst)], b[:len(dst)]
	n := body(len(dst), 1)
	switch {
	case n == 0:
	case wide():
		lerpEachAVX512(&dst[0], &wa[0], &a[0], &wb[0], &b[0], n)
	default:
		lerpEachAVX2(&dst[0], &wa[0], &a[0], &wb[0], &b[0], n)
	}
	for i := n; i < len(dst); i++ {
		dst[i] = float32(wa[i]*a[i]) + float32(wb[i]*b[i])
	}
}
