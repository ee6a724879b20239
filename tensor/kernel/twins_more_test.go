package kernel

import (
	"maps"
	"math"
	"slices"
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
	"Reinforce": func(t *testing.T, a, b, c []float32) []uint64 {
		return floats(t, len(a), func(d []float32) {
			Reinforce(d, c, [][]float32{a, b, c}, []float32{1, 1.5, -0.7}, 0x3f000000)
		})
	},
	"ReinforceBF16": func(t *testing.T, a, b, c []float32) []uint64 {
		return floats(t, len(a), func(d []float32) {
			ReinforceBF16(d, rawOf(c), [][]byte{rawOf(a), rawOf(b)}, []float32{1.25, 0.3}, 0x3f000000)
		})
	},
	"Variance": func(t *testing.T, a, b, c []float32) []uint64 {
		return floats(t, len(a), func(d []float32) { Variance(d, [][]float32{a, b, c}) })
	},
	"Variance of one": func(t *testing.T, a, b, c []float32) []uint64 {
		return floats(t, len(a), func(d []float32) { Variance(d, [][]float32{finite(a)}) })
	},
	"VarianceBF16": func(t *testing.T, a, b, c []float32) []uint64 {
		return floats(t, len(a), func(d []float32) { VarianceBF16(d, rawOf(c), [][]byte{rawOf(a), rawOf(b), rawOf(b)}) })
	},
	"ColumnDots": columnTwin(1),
	"Divergence": func(_ *testing.T, a, b, _ []float32) []uint64 {
		return []uint64{math.Float64bits(Divergence(finite(a), finite(b), make([]float32, 2*len(a)), 1e-8))}
	},
	"Divergence, close": func(_ *testing.T, a, b, _ []float32) []uint64 {
		x, y := make([]float32, len(a)), make([]float32, len(a))
		Sigmoid(x, finite(a))
		copy(y, x)
		Axpy(y, 1e-7, finite(b))
		return []uint64{math.Float64bits(Divergence(x, y, make([]float32, 2*len(a)), 1e-8))}
	},
	"ColumnDots of 5": columnTwin(5),
	"SquareSum": func(_ *testing.T, a, b, _ []float32) []uint64 {
		keep := make(Mask, MaskWords(len(a)))
		KeepLargest(keep, b, 0x3f000000, 3)
		return []uint64{math.Float64bits(SquareSum(finite(a), keep))}
	},
	"Nearswap": func(t *testing.T, a, b, _ []float32) []uint64 {
		return floats(t, len(a), func(d []float32) { Nearswap(d, a, b, 0.5) })
	},
	"NearswapBF16": func(t *testing.T, a, b, _ []float32) []uint64 {
		return floats(t, len(a), func(d []float32) { NearswapBF16(d, rawOf(a), rawOf(b), 0.5) })
	},
	"Choose": func(t *testing.T, a, b, c []float32) []uint64 {
		keep := make(Mask, MaskWords(len(a)))
		KeepLargest(keep, c, 0x3f000000, 3)
		return floats(t, len(a), func(d []float32) { Choose(d, a, b, keep) })
	},
	"LerpEach": func(t *testing.T, a, b, c []float32) []uint64 {
		return floats(t, len(a), func(d []float32) { LerpEach(d, a, b, c, a) })
	},
	"KeepAboveBF16": func(t *testing.T, a, b, _ []float32) []uint64 {
		return masks(t, len(a), func(m Mask) { KeepAboveBF16(m, rawOf(a), rawOf(b), 0x3f000000) })
	},
	"Mix elect": func(t *testing.T, a, b, c []float32) []uint64 {
		return floats(t, len(a), mixed(Mix{Elect: true, Unweighed: true, Lambda: 1}, a, b, c))
	},
	"Mix raw elect": func(t *testing.T, a, b, c []float32) []uint64 {
		return floats(t, len(a), mixedRaw(Mix{Elect: true, Unweighed: true, Lambda: 1}, a, b, c))
	},
	"Bracket.TallyTwoBF16": func(t *testing.T, a, b, _ []float32) []uint64 {
		var out []uint64
		low := Bracket{0x3e000000, 0x3f000000}
		for _, high := range []Bracket{{0x3f400000, 0x3f900000}, {0x3f800000, 0x3f800000}, {0x3ef00000, 0x3f800000}, {0x7f000000, 0x7f900000}} {
			x, less, n := rawOf(a), rawOf(b), len(a)+16
			lower, higher := low.TallyTwoBF16(high, x, less, make([]uint32, n), make([]uint32, 2*n))
			for i, tally := range []Tally{lower, higher} {
				want := []Bracket{low, high}[i].TallyBF16(x, less, make([]uint32, n))
				if tally.Above != want.Above || tally.AtHi != want.AtHi || tally.AtLo != want.AtLo || !slices.Equal(tally.Between, want.Between) {
					t.Errorf("%d elements: tally %v of two, %v alone", len(a), tally, want)
				}
				out = append(out, uint64(tally.Above), uint64(tally.AtHi), uint64(tally.AtLo), uint64(len(tally.Between)))
			}
		}
		return out
	},
	"AboveOthers": func(t *testing.T, a, b, c []float32) []uint64 {
		if len(a) < 2 {
			return nil
		}
		row, draws := append(append([]float32{}, a...), make([]float32, OthersRoom)...), make([]uint32, len(a)/OthersRoom+1)
		for i := range draws {
			draws[i] = math.Float32bits(b[i]+c[i]) * 2654435761
		}
		at := 16 * (len(a) % 5)
		even := masks(t, at+len(a), func(m Mask) { clear(m); AboveOthers(m, at, row, draws) })
		return append(even, masks(t, at+len(a)+3, func(m Mask) { clear(m); AboveOthers(m, at+3, row, draws) })...)
	},
	"AboveOthers of many": func(t *testing.T, a, b, _ []float32) []uint64 {
		if len(a) != 130 {
			return nil
		}
		row, draws := make([]float32, 5001+OthersRoom), make([]uint32, 5000)
		for i := range draws {
			row[i], draws[i] = a[i%130]*b[i%57], uint32(i)*2654435761
		}
		return masks(t, 5064, func(m Mask) { clear(m); AboveOthers(m, 63, row, draws) })
	},
	"Dots": func(_ *testing.T, a, b, _ []float32) []uint64 { return products(Dots(finite(a), finite(b))) },
	"DotsBF16": func(_ *testing.T, a, b, _ []float32) []uint64 {
		return products(DotsBF16(rawOf(finite(a)), rawOf(finite(b))))
	},
	"DotsLessBF16": func(_ *testing.T, a, b, c []float32) []uint64 {
		return products(DotsLessBF16(rawOf(finite(a)), rawOf(finite(b)), rawOf(finite(c))))
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

// columnTwin is ColumnDots over so many rows.
func columnTwin(rows int) func(t *testing.T, a, b, c []float32) []uint64 {
	return func(t *testing.T, a, b, _ []float32) []uint64 {
		var x, y []float32
		for range rows {
			x, y = append(x, finite(a)...), append(y, finite(b)...)
		}
		var out []uint64
		xx, yy, xy := guarded(len(a), 7.0), guarded(len(a), 7.0), guarded(len(a), 7.0)
		ColumnDots(xx.x, yy.x, xy.x, x, y)
		for _, g := range []guard[float64]{xx, yy, xy} {
			g.check(t, "ColumnDots")
			for _, v := range g.x {
				out = append(out, math.Float64bits(v))
			}
		}
		return out
	}
}

func products(p Products) []uint64 {
	return []uint64{math.Float64bits(p.AA), math.Float64bits(p.BB), math.Float64bits(p.AB)}
}
