package kernel

import (
	"maps"
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
	"MaskScaleBF16": func(t *testing.T, a, b, _ []float32) []uint64 {
		keep := make(Mask, MaskWords(len(a)))
		KeepLargest(keep, b, 0x3f000000, 3)
		return raws(t, 2*len(a), func(d []byte) { MaskScaleBF16(d, rawOf(a), keep, 1.7) })
	},
}

func init() { maps.Copy(twins, moreTwins) }

// mappedTwin runs a function over values spread wider.
func mappedTwin(f func(dst, x []float32), spread float32) func(t *testing.T, a, b, c []float32) []uint64 {
	return func(t *testing.T, a, _, _ []float32) []uint64 {
		x := make([]float32, len(a)+1)[1:]
		ScaleTo(x, spread, a)
		return floats(t, len(a), func(d []float32) { f(d, x) })
	}
}
