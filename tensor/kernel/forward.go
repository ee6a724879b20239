package kernel

import "math"

// Softmax sets dst to exp(x) divided by the sum of all of them. The greatest x
// is taken off first, so that nothing overflows, and the sum is in float64. An
// element is within 3 units in the last place, and as many more as its distance
// from the greatest, whose rounding that is. With a NaN or plus infinity in x, or nothing
// but minus infinity, all are NaN, as torch has it. dst may be x.
func Softmax(dst, x []float32) {
	_, most := MinMax(x)
	shiftedExp(dst, x, most)
	Scale(dst, float32(1/Sum(dst)))
}

// RMSNorm sets dst to w*(x/sqrt(mean of squares + eps)), the mean in float64
// (Zhang and Sennrich 2019, arXiv:1910.07467; eps is where transformers' Llama
// has it). Within 2 units in the last place. dst may be x.
func RMSNorm(dst, x, w []float32, eps float64) {
	scaled(dst, x, float32(1/math.Sqrt(Norm2(x)/float64(len(x))+eps)), w)
}

// scaled sets dst to w*(factor*x).
func scaled(dst, x []float32, factor float32, w []float32) {
	x, w = x[:len(dst)], w[:len(dst)]
	n := body(len(dst), 1)
	switch {
	case n == 0:
	case wide():
		normScaleAVX512(&dst[0], &x[0], factor, &w[0], n)
	default:
		normScaleAVX2(&dst[0], &x[0], factor, &w[0], n)
	}
	for i := n; i < len(dst); i++ {
		dst[i] = float32(factor*x[i]) * w[i]
	}
}

// LayerNorm sets dst to w*(x-mean)/sqrt(variance + eps) + b, mean and biased
// variance in float64 (Ba et al. 2016, arXiv:1607.06450; eps as torch has it).
// The rest is in float32: before b is added an element is within 4 units in the
// last place and the rounding of the mean. dst may be x.
func LayerNorm(dst, x, w, b []float32, eps float64) {
	mean := Sum(x) / float64(len(x))
	shifted(dst, x, float32(mean), float32(1/math.Sqrt(centred(x, mean)/float64(len(x))+eps)), w, b)
}

// shifted sets dst to w*(factor*(x-mean)) + b.
func shifted(dst, x []float32, mean, factor float32, w, b []float32) {
	x, w, b = x[:len(dst)], w[:len(dst)], b[:len(dst)]
	n := body(len(dst), 1)
	switch {
	case n == 0:
	case wide():
		normShiftAVX512(&dst[0], &x[0], mean, factor, &w[0], &b[0], n)
	default:
		normShiftAVX2(&dst[0], &x[0], mean, factor, &w[0], &b[0], n)
	}
	for i := n; i < len(dst); i++ {
		dst[i] = float32(float32((x[i]-mean)*factor)*w[i]) + b[i]
	}
}
