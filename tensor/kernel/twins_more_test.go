package kernel

import (
	"maps"
	"math"
	"testing"
)

// moreTwins is the kernels of the forward pass and those on bfloat16 as stored.
var moreTwins = map[string]func(t *testing.T, a, b, c []float32) []uint64{
	"Exp":      mappedTwin(Exp, 30),
	"Log":      mappedTwin(Log, 1),
	"Tanh":     mappedTwin(Tanh, 3),
	"Sigmoid":  mappedTwin(Sigmoid, 30),
	"SiLU":     mappedTwin(SiLU, 30),
	"GELU":     mappedTwin(GELU, 4),
	"GELUTanh": mappedTwin(GELUTanh, 4),
	"LinearSumBF16": func(t *testing.T, a, b, c []float32) []uint64 {
		return floats(t, len(a), func(d []float32) {
			LinearSumBF16(d, []float32{0.3, 0.5, -2}, [][]byte{rawOf(a), rawOf(b), rawOf(c)}, 1.5)
		})
	},
	"LinearSumRaw": func(t *testing.T, a, b, c []float32) []uint64 {
		return raws(t, 2*len(a), func(d []byte) {
			LinearSumRaw(d, []float32{0.3, 0.5, -2}, [][]byte{rawOf(a), rawOf(b), rawOf(c)}, 1.5)
		})
	},
	"E4M3ToF32": func(t *testing.T, a, _, _ []float32) []uint64 { return floats(t, len(a), eightBits(E4M3ToF32, a)) },
	"E5M2ToF32": func(t *testing.T, a, _, _ []float32) []uint64 { return floats(t, len(a), eightBits(E5M2ToF32, a)) },
	"F32ToE4M3": func(t *testing.T, a, _, _ []float32) []uint64 {
		return raws(t, len(a), func(d []byte) { F32ToE4M3(d, a) })
	},
	"F32ToE5M2": func(t *testing.T, a, _, _ []float32) []uint64 {
		return raws(t, len(a), func(d []byte) { F32ToE5M2(d, a) })
	},
	"DotBF16": func(_ *testing.T, a, b, _ []float32) []uint64 {
		return []uint64{math.Float64bits(DotBF16(rawOf(finite(a)), finite(b)))}
	},
	"Sum": func(_ *testing.T, a, _, _ []float32) []uint64 { return []uint64{math.Float64bits(Sum(finite(a)))} },
	"centred": func(_ *testing.T, a, _, _ []float32) []uint64 {
		return []uint64{math.Float64bits(centred(finite(a), 0.3))}
	},
	"MinMax": func(_ *testing.T, a, _, _ []float32) []uint64 {
		lo, hi := MinMax(a)
		return []uint64{number(lo), number(hi)}
	},
	"AbsMax": func(_ *testing.T, a, _, _ []float32) []uint64 {
		return []uint64{number(AbsMax(a)), number(AbsMax(finite(a)))}
	},
	"Histogram": func(t *testing.T, a, _, _ []float32) []uint64 {
		g := guarded(7, uint64(7))
		Histogram(g.x, a, -0.5, 0.75)
		g.check(t, "the histogram")
		return g.x
	},
	"Softmax": func(t *testing.T, a, _, _ []float32) []uint64 {
		return floats(t, len(a), func(d []float32) { Softmax(d, a) })
	},
	"Softmax finite": func(t *testing.T, a, _, _ []float32) []uint64 {
		return floats(t, len(a), func(d []float32) { Softmax(d, finite(a)) })
	},
	"RMSNorm": func(t *testing.T, a, b, _ []float32) []uint64 {
		return floats(t, len(a), func(d []float32) { RMSNorm(d, finite(a), b, 1e-5) })
	},
	"LayerNorm": func(t *testing.T, a, b, c []float32) []uint64 {
		return floats(t, len(a), func(d []float32) { LayerNorm(d, finite(a), b, c, 1e-5) })
	},
	"RotateHalf": func(t *testing.T, a, b, c []float32) []uint64 {
		return floats(t, len(a)/2*2, func(d []float32) { copy(d, a); RotateHalf(d, b, c) })
	},
	"RotatePairs": func(t *testing.T, a, b, c []float32) []uint64 {
		return floats(t, len(a)/2*2, func(d []float32) { copy(d, a); RotatePairs(d, b, c) })
	},
	"MaskScaleBF16": func(t *testing.T, a, b, _ []float32) []uint64 {
		keep := make(Mask, MaskWords(len(a)))
		KeepLargest(keep, b, 0x3f000000, 3)
		return raws(t, 2*len(a), func(d []byte) { MaskScaleBF16(d, rawOf(a), keep, 1.7) })
	},
}

func init() { maps.Copy(twins, moreTwins) }

// eightBits runs a function over the lowest bytes.
func eightBits(f func(dst []float32, src []byte), a []float32) func([]float32) {
	src := make([]byte, len(a)+1)[1:]
	for i, v := range a {
		src[i] = byte(math.Float32bits(v) >> 3)
	}
	return func(dst []float32) { f(dst, src) }
}

// mappedTwin runs a function over values spread wider.
func mappedTwin(f func(dst, x []float32), spread float32) func(t *testing.T, a, b, c []float32) []uint64 {
	return func(t *testing.T, a, _, _ []float32) []uint64 {
		x := make([]float32, len(a)+1)[1:]
		ScaleTo(x, spread, a)
		return floats(t, len(a), func(d []float32) { f(d, x) })
	}
}
