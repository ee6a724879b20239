package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/rouxml/roux/tensor/kernel/cpu"
)

// values draws n floats at an unaligned place, NaN, Inf, denormals, zeros and
// equal magnitudes among them.
func values(r *rand.Rand, n int) []float32 {
	x := make([]float32, n+1)[1:]
	for i := range x {
		switch r.IntN(6) {
		case 0:
			x[i] = math.Float32frombits(r.Uint32())
		case 1:
			x[i] = float32(r.IntN(5)-2) / 4
		default:
			x[i] = float32(r.NormFloat64())
		}
	}
	return x
}

// guard is a slice whose neighbours are watched.
type guard[T comparable] struct {
	all  []T
	x    []T
	mark T
}

func guarded[T comparable](n int, mark T) guard[T] {
	g := guard[T]{all: make([]T, n+32), mark: mark}
	for i := range g.all {
		g.all[i] = mark
	}
	g.x = g.all[15 : 15+n : 15+n]
	return g
}

func (g guard[T]) check(t *testing.T, what string) {
	t.Helper()
	for i, v := range g.all {
		if (i < 15 || i >= 15+len(g.x)) && v != g.mark {
			t.Fatalf("%s wrote %d elements from its slice of %d", what, i-15, len(g.x))
		}
	}
}

// number is a value's bits, with all NaN as one: their payloads after a sum are
// free.
func number(f float32) uint64 {
	if f != f {
		return 0x7fc00000
	}
	return uint64(math.Float32bits(f))
}

// floats runs a kernel that fills floats.
func floats(t *testing.T, n int, f func(dst []float32)) []uint64 {
	g := guarded[float32](n, 7)
	f(g.x)
	g.check(t, "the kernel")
	out := make([]uint64, n)
	for i, v := range g.x {
		out[i] = number(v)
	}
	return out
}

// raws runs a kernel that fills bytes.
func raws(t *testing.T, n int, f func(dst []byte)) []uint64 {
	g := guarded[byte](n, 7)
	f(g.x)
	g.check(t, "the kernel")
	out := make([]uint64, n)
	for i, v := range g.x {
		out[i] = uint64(v)
	}
	return out
}

// masks runs a kernel that fills a mask.
func masks(t *testing.T, n int, f func(m Mask)) []uint64 {
	g := guarded(MaskWords(n), uint64(7))
	f(g.x)
	g.check(t, "the kernel")
	return g.x
}

func widened(f func([]float32, []byte), a []float32) func([]float32) {
	raw := make([]byte, 2*len(a)+1)[1:]
	for i, v := range a {
		raw[2*i], raw[2*i+1] = byte(math.Float32bits(v)), byte(math.Float32bits(v)>>8)
	}
	return func(dst []float32) { f(dst, raw) }
}

func mixed(m Mix, a, b, c []float32) func([]float32) {
	keep := make(Mask, MaskWords(len(a)))
	KeepLargest(keep, b, 0x3f000000, 3)
	return func(dst []float32) {
		m.Into(dst, c, []Delta{{X: a, Above: -1, Rescale: 1, Weight: 0.5}, {X: b, Above: 0x3e000000, Upto: 0x3f800000, Keep: keep, Rescale: 1.25, Weight: 0.7}, {X: a, Above: -1, Keep: keep, Rescale: 1, Weight: -0.3}})
	}
}

// mixedRaw is mixed, of bfloat16 models.
func mixedRaw(m Mix, a, b, c []float32) func([]float32) {
	keep := make(Mask, MaskWords(len(a)))
	KeepLargest(keep, b, 0x3f000000, 3)
	return func(dst []float32) {
		m.IntoRaw(dst, rawOf(c), []Delta{{Raw: rawOf(a), Above: 0x3e000000, Upto: 0x40000000, Rescale: 1, Weight: 0.5}, {Raw: rawOf(b), Above: -1, Keep: keep, Rescale: 1.25, Weight: 0.7}})
	}
}

func tally(b Bracket, x []float32) []uint64 {
	t := b.Tally(x, make([]uint32, len(x)+16))
	out := []uint64{uint64(t.Above), uint64(t.AtHi), uint64(t.AtLo)}
	for _, v := range t.Between {
		out = append(out, uint64(v))
	}
	return out
}

// twins is every kernel with assembly, as bits of its result.
var twins = map[string]func(t *testing.T, a, b, c []float32) []uint64{
	"BF16ToF32": func(t *testing.T, a, _, _ []float32) []uint64 {
		return floats(t, len(a), widened(BF16ToF32, a))
	},
	"F16ToF32": func(t *testing.T, a, _, _ []float32) []uint64 { return floats(t, len(a), widened(F16ToF32, a)) },
	"F32ToBF16": func(t *testing.T, a, _, _ []float32) []uint64 {
		return raws(t, 2*len(a), func(d []byte) { F32ToBF16(d, a) })
	},
	"F32ToF16": func(t *testing.T, a, _, _ []float32) []uint64 {
		return raws(t, 2*len(a), func(d []byte) { F32ToF16(d, a) })
	},
	"RoundBF16": func(t *testing.T, a, _, _ []float32) []uint64 {
		return floats(t, len(a), func(d []float32) { copy(d, a); RoundBF16(d) })
	},
	"Axpy": func(t *testing.T, a, b, _ []float32) []uint64 {
		return floats(t, len(a), func(d []float32) { copy(d, a); Axpy(d, 0.3, b) })
	},
	"ScaleTo": func(t *testing.T, a, _, _ []float32) []uint64 {
		return floats(t, len(a), func(d []float32) { ScaleTo(d, 1.7, a) })
	},
	"Sub": func(t *testing.T, a, b, _ []float32) []uint64 {
		return floats(t, len(a), func(d []float32) { Sub(d, a, b) })
	},
	"SubBF16": func(t *testing.T, a, b, _ []float32) []uint64 {
		x, y := make([]byte, 2*len(a)+1)[1:], make([]byte, 2*len(a)+1)[1:]
		F32ToBF16(x, a)
		F32ToBF16(y, b)
		return floats(t, len(a), func(d []float32) { SubBF16(d, x, y) })
	},
	"Add": func(t *testing.T, a, b, _ []float32) []uint64 {
		return floats(t, len(a), func(d []float32) { copy(d, a); Add(d, b) })
	},
	"Lerp2": func(t *testing.T, a, b, _ []float32) []uint64 {
		return floats(t, len(a), func(d []float32) { Lerp2(d, 0.3, a, 0.7, b) })
	},
	"LinearSum": func(t *testing.T, a, b, c []float32) []uint64 {
		return floats(t, len(a), func(d []float32) { LinearSum(d, []float32{0.3, 0.5, -2}, [][]float32{a, b, c}, 1.5) })
	},
	"Mix sum": func(t *testing.T, a, b, c []float32) []uint64 {
		return floats(t, len(a), mixed(Mix{Normalize: true, Lambda: 0.9}, a, b, c))
	},
	"Mix vote": func(t *testing.T, a, b, c []float32) []uint64 {
		return floats(t, len(a), mixed(Mix{Elect: true, Lambda: 1}, a, b, c))
	},
	"Mix vote divided": func(t *testing.T, a, b, c []float32) []uint64 {
		return floats(t, len(a), mixed(Mix{Elect: true, Normalize: true, Lambda: 0.9}, a, b, c))
	},
	"Mix vote of two": func(t *testing.T, a, b, c []float32) []uint64 {
		keep := make(Mask, MaskWords(len(a)))
		KeepLargest(keep, b, 0x3f000000, 3)
		return floats(t, len(a), func(dst []float32) {
			Mix{Elect: true, Normalize: true, Lambda: 0.9}.Into(dst, c, []Delta{{X: a, Above: 0x3e000000, Upto: 0x3f800000, Rescale: 1.25, Weight: 0.5}, {X: b, Above: -1, Keep: keep, Rescale: 1, Weight: -0.7}})
		})
	},
	"Mix raw vote of three": func(t *testing.T, a, b, c []float32) []uint64 {
		x := make([]byte, 2*len(a))
		F32ToBF16(x, a)
		return floats(t, len(a), func(dst []float32) {
			Mix{Elect: true, Lambda: 1}.IntoRaw(dst, x, []Delta{{Raw: x, Above: -1, Rescale: 1, Weight: 0.5}, {Raw: x, Above: 3, Rescale: 2, Weight: 0.25}, {Raw: x, Above: -1, Rescale: 1, Weight: -1}})
		})
	},
	"Mix raw sum": func(t *testing.T, a, b, c []float32) []uint64 {
		return floats(t, len(a), mixedRaw(Mix{Normalize: true, Lambda: 0.9}, a, b, c))
	},
	"Mix raw vote": func(t *testing.T, a, b, c []float32) []uint64 {
		return floats(t, len(a), mixedRaw(Mix{Elect: true, Normalize: true, Lambda: 0.9}, a, b, c))
	},
	"Mix raw vote of two, masked": func(t *testing.T, a, b, c []float32) []uint64 {
		var all []uint64
		for _, w := range [][2]float32{{1, 1}, {0.5, 0.5}, {1, -0.5}, {0x1p100, 0x1p100}, {0x1p-126, 0x1p-126}} {
			keep := make(Mask, MaskWords(len(a)))
			KeepLargest(keep, b, 0x3f000000, 3)
			x, y, base := rawOf(a), rawOf(b), rawOf(c)
			all = append(all, floats(t, len(a), func(dst []float32) {
				Mix{Elect: true, Normalize: true, Lambda: 0.9}.IntoRaw(dst, base, []Delta{{Raw: x, Above: -1, Keep: keep, Rescale: 1.5, Weight: w[0]}, {Raw: y, Above: -1, Rescale: 0x1p-100, Weight: w[1]}})
			})...)
		}
		return all
	},
	"Dot": func(_ *testing.T, a, b, _ []float32) []uint64 {
		a, b = finite(a), finite(b)
		return []uint64{math.Float64bits(Dot(a, b))}
	},
	"AbsSums": func(_ *testing.T, a, b, _ []float32) []uint64 {
		keep := make(Mask, MaskWords(len(a)))
		KeepLargest(keep, b, 0x3f000000, 3)
		all, some := AbsSums(finite(a), keep)
		return []uint64{math.Float64bits(all), math.Float64bits(some)}
	},
	"AbsSumsBF16": func(t *testing.T, a, b, _ []float32) []uint64 {
		keep := make(Mask, MaskWords(len(a)))
		KeepLargest(keep, b, 0x3f000000, 3)
		x, less := rawOf(finite(a)), rawOf(finite(b))
		delta := make([]float32, len(a))
		SubBF16(delta, x, less)
		all, some := AbsSumsBF16(x, less, keep)
		if all2, some2 := AbsSums(delta, keep); all != all2 || some != some2 {
			t.Errorf("sums %v and %v of bfloat16, %v and %v of their differences", all, some, all2, some2)
		}
		return []uint64{math.Float64bits(all), math.Float64bits(some)}
	},
	"CountNonFinite": func(_ *testing.T, a, _, _ []float32) []uint64 {
		nan, inf := CountNonFinite(a)
		return []uint64{uint64(nan), uint64(inf)}
	},
	"KeepLargest": func(t *testing.T, a, _, _ []float32) []uint64 {
		return masks(t, len(a), func(m Mask) { KeepLargest(m, a, 0x3f000000, 2) })
	},
	"KeepLargest zero": func(t *testing.T, a, _, _ []float32) []uint64 {
		return masks(t, len(a), func(m Mask) { KeepLargest(m, a, 0, len(a)) })
	},
	"TallyBF16": func(_ *testing.T, a, b, _ []float32) []uint64 {
		return slices.Concat(tallyRaw(Bracket{0x3e800000, 0x3f000000}, a, b), tallyRaw(Bracket{-1, math.MaxInt32}, a, b))
	},
	"Tally": func(_ *testing.T, a, _, _ []float32) []uint64 {
		return slices.Concat(tally(Bracket{0x3e800000, 0x3f000000}, a), tally(Bracket{-1, math.MaxInt32}, a), tally(Bracket{0x3e800000, 0x3e800000}, a))
	},
}

// rawOf is x in bfloat16, at an unaligned place.
func rawOf(x []float32) []byte {
	r := make([]byte, 2*len(x)+1)[1:]
	F32ToBF16(r, x)
	return r
}

func tallyRaw(b Bracket, x, less []float32) []uint64 {
	raw := make([]byte, 4*len(x)+1)[1:]
	F32ToBF16(raw[:2*len(x)], x)
	F32ToBF16(raw[2*len(x):], less)
	diff := make([]float32, len(x))
	SubBF16(diff, raw[:2*len(x)], raw[2*len(x):])
	t := b.TallyBF16(raw[:2*len(x)], raw[2*len(x):], make([]uint32, len(x)+16))
	out := []uint64{uint64(t.Above), uint64(t.AtHi), uint64(t.AtLo)}
	for _, v := range t.Between {
		out = append(out, uint64(v))
	}
	return slices.Concat(out, tally(b, diff))
}

// finite replaces what has no sum.
func finite(x []float32) []float32 {
	out := make([]float32, len(x)+1)[1:]
	for i, v := range x {
		if v-v == 0 && v < 1e30 && v > -1e30 {
			out[i] = v
		}
	}
	return out
}

// TestTwins holds the assembly of every level to the scalar code, bit for bit,
// for every length, unaligned, with guards.
func TestTwins(t *testing.T) {
	for name, run := range twins {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(5, 6))
			for n := range 131 {
				a, b, c := values(r, n), values(r, n), values(r, n)
				var want []uint64
				for _, level := range cpu.Levels() {
					restore := cpu.Force(level)
					got := run(t, a, b, c)
					restore()
					if level == cpu.Portable {
						want = got
					} else if !slices.Equal(got, want) {
						t.Fatalf("n %d: %s gives %x, scalar code %x", n, level, got, want)
					}
				}
			}
		})
	}
}

// TestPlain holds the scalar code to the definitions.
func TestPlain(t *testing.T) {
	defer cpu.Force(cpu.Portable)()
	r := rand.New(rand.NewPCG(1, 2))
	a, b := finite(values(r, 100)), finite(values(r, 100))
	dst := make([]float32, 100)
	Sub(dst, a, b)
	Axpy(dst, 0.5, b)
	Scale(dst, 3)
	Add(dst, a)
	keep := make(Mask, 2)
	keep.Set(3)
	var dot, sum float64
	for i := range dst {
		q := (a[i] - b[i]) + float32(0.5*b[i])
		if want := float32(q*3) + a[i]; dst[i] != want {
			t.Fatalf("[%d] = %v, want %v", i, dst[i], want)
		}
		dot += float64(a[i]) * float64(b[i])
		sum += math.Abs(float64(a[i]))
	}
	all, some := AbsSums(a, keep)
	if p := Dots(a, b); p != (Products{Norm2(a), Norm2(b), Dot(a, b)}) {
		t.Errorf("products %v", p)
	}
	if math.Abs(Dot(a, b)/dot-1) > 1e-12 || math.Abs(all/sum-1) > 1e-12 || some != math.Abs(float64(a[3])) {
		t.Errorf("dot %v, want %v; sums %v and %v, want %v", Dot(a, b), dot, all, some, sum)
	}
}
