package kernel

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestBF16 walks every bfloat16: widening and narrowing gives it back, and the
// midpoint between neighbours goes to the even one.
func TestBF16(t *testing.T) {
	for b := range 1 << 16 {
		raw := binary.LittleEndian.AppendUint16(nil, uint16(b))
		v := []float32{0}
		BF16ToF32(v, raw)
		back := make([]byte, 2)
		F32ToBF16(back, v)
		want := uint16(b)
		if v[0] != v[0] {
			want |= 0x40 // NaN is made quiet
		}
		if got := binary.LittleEndian.Uint16(back); got != want {
			t.Fatalf("%#04x came back as %#04x", b, got)
		}
		if b&0x7fff < 0x7f80 {
			mid := math.Float32frombits(uint32(b)<<16 | 0x8000)
			F32ToBF16(back, []float32{mid})
			if got := binary.LittleEndian.Uint16(back); got&1 != 0 || got-uint16(b) > 1 {
				t.Fatalf("the midpoint above %#04x went to %#04x", b, got)
			}
		}
	}
}

// TestF16 does the same for half precision.
func TestF16(t *testing.T) {
	for h := range 1 << 16 {
		v := halfToFloat(uint16(h))
		want := uint16(h)
		if v != v {
			want |= 0x200
		}
		if got := floatToHalf(v); got != want {
			t.Fatalf("%#04x (%v) came back as %#04x", h, v, got)
		}
		if h&0x7fff < 0x7bff {
			next := halfToFloat(uint16(h) + 1)
			mid := float32((float64(v) + float64(next)) / 2)
			if got := floatToHalf(mid); got&1 != 0 || got-uint16(h) > 1 {
				t.Fatalf("the midpoint above %#04x went to %#04x", h, got)
			}
		}
	}
	for _, c := range []struct {
		v    float32
		want uint16
	}{{65519, 0x7bff}, {65520, 0x7c00}, {-1e9, 0xfc00}, {1e-9, 0}, {-1e-9, 0x8000}} {
		if got := floatToHalf(c.v); got != c.want {
			t.Errorf("%v went to %#04x, want %#04x", c.v, got, c.want)
		}
	}
}

// TestFP8 walks both formats, and holds a few values to what torch 2.15 gives for
// .to(float8_e4m3fn) and .to(float8_e5m2).
func TestFP8(t *testing.T) {
	for _, f := range []*fp8{e4m3, e5m2} {
		for c := range 256 {
			v := f.table[c]
			if got := f.encode(v); v == v && got != byte(c) {
				t.Errorf("code %#02x (%v) came back as %#02x", c, v, got)
			}
		}
	}
	for _, c := range []struct {
		v          float32
		e4m3, e5m2 byte
	}{
		{1, 0x38, 0x3c}, {-1, 0xb8, 0xbc}, {448, 0x7e, 0x5f}, {464, 0x7e, 0x5f}, {465, 0x7e, 0x5f}, {57344, 0x7e, 0x7b}, {61440, 0x7e, 0x7c},
		{0.3, 0x2a, 0x35}, {1e-3, 0x01, 0x14}, {0.0009765625, 0x00, 0x14}, {0.017578125, 0x09, 0x24}, {float32(math.Inf(1)), 0x7e, 0x7c},
	} {
		if got := e4m3.encode(c.v); got != c.e4m3 {
			t.Errorf("e4m3(%v) = %#02x, torch gives %#02x", c.v, got, c.e4m3)
		}
		if got := e5m2.encode(c.v); got != c.e5m2 {
			t.Errorf("e5m2(%v) = %#02x, torch gives %#02x", c.v, got, c.e5m2)
		}
	}
}

// TestLoops holds the unrolled loops to plain ones, for every length and with
// guards behind the slices.
func TestLoops(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 131 {
		a, b := make([]float32, n), make([]float32, n)
		for i := range a {
			a[i], b[i] = float32(r.NormFloat64()), float32(r.NormFloat64())
		}
		guarded := make([]float32, n+8)
		for i := range guarded {
			guarded[i] = 7
		}
		dst := guarded[:n]
		Sub(dst, a, b)
		Axpy(dst, 0.5, b)
		Scale(dst, 3)
		Add(dst, a)
		for i := range dst {
			q := (a[i] - b[i]) + float32(0.5*b[i])
			if want := float32(q*3) + a[i]; dst[i] != want {
				t.Fatalf("n %d: [%d] = %v, want %v", n, i, dst[i], want)
			}
		}
		for _, g := range guarded[n:] {
			if g != 7 {
				t.Fatalf("n %d: wrote past the end", n)
			}
		}
		var dot, sum float64
		for i := range a {
			dot += float64(a[i]) * float64(b[i])
			sum += math.Abs(float64(a[i]))
		}
		if math.Abs(Dot(a, b)-dot) > 1e-12*float64(n+1) || math.Abs(AbsSum(a)-sum) > 1e-12*float64(n+1) {
			t.Fatalf("n %d: dot %v, want %v; sum %v, want %v", n, Dot(a, b), dot, AbsSum(a), sum)
		}
	}
}

// TestSelection finds the k-th magnitude by histograms as sorting does.
func TestSelection(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{1, 2, 50, 1000} {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(r.IntN(20)-10) / 8 // many ties
		}
		sorted := slices.Clone(x)
		slices.SortFunc(sorted, func(a, b float32) int { return int(MagnitudeBits(b)) - int(MagnitudeBits(a)) })
		for k := 1; k <= n; k += 1 + n/17 {
			high, low := make([]uint32, HighBins), make([]uint32, LowBins)
			HistHigh(high, x)
			bin, within := Kth(high, k)
			HistLow(low, x, bin)
			rest, ties := Kth(low, within)
			bits := bin<<15 | rest
			if want := MagnitudeBits(sorted[k-1]); bits != want {
				t.Fatalf("n %d k %d: %#x, want %#x", n, k, bits, want)
			}
			kept := slices.Clone(x)
			KeepLargest(kept, bits, ties)
			count := 0
			for i, v := range x {
				if kept[i] == v && (v != 0 || MagnitudeBits(v) >= bits) {
					count++
				}
			}
			nonzero := 0
			for _, v := range kept {
				if v != 0 {
					nonzero++
				}
			}
			if bits > 0 && nonzero != k {
				t.Fatalf("n %d k %d: kept %d of %d", n, k, nonzero, count)
			}
		}
	}
}

// TestElect is the vote of TIES by hand.
func TestElect(t *testing.T) {
	mix, div := make([]float32, 4), make([]float32, 4)
	a, b := []float32{1, -1, 0, 2}, []float32{2, 3, -4, -2}
	sum := []float32{3, 2, -4, 0}
	Elect(mix, div, sum, a, 0.5)
	Elect(mix, div, sum, b, 0.25)
	if !slices.Equal(mix, []float32{3, 3, -4, 2}) || !slices.Equal(div, []float32{0.75, 0.25, 0.25, 0.5}) {
		t.Errorf("mix %v, div %v", mix, div)
	}
}

func TestCountNonFinite(t *testing.T) {
	nan, inf := CountNonFinite([]float32{1, float32(math.NaN()), float32(math.Inf(-1)), math.MaxFloat32, 0})
	if nan != 1 || inf != 1 {
		t.Errorf("%d NaN, %d Inf", nan, inf)
	}
}

func BenchmarkBF16ToF32(b *testing.B) {
	src, dst := make([]byte, 1<<17), make([]float32, 1<<16)
	b.SetBytes(int64(len(src)))
	for range b.N {
		BF16ToF32(dst, src)
	}
}

func BenchmarkF32ToBF16(b *testing.B) {
	dst, src := make([]byte, 1<<17), make([]float32, 1<<16)
	b.SetBytes(int64(len(dst)))
	for range b.N {
		F32ToBF16(dst, src)
	}
}

// TestTwins holds the assembly to its scalar twins, bit for bit, for every
// length, unaligned, with NaN, Inf and denormals among the values.
func TestTwins(t *testing.T) {
	if !simd {
		t.Log("no assembly on this machine: the twins are the only code")
	}
	r := rand.New(rand.NewPCG(5, 6))
	draw := func(n int) []float32 {
		x := make([]float32, n+1)[1:] // unaligned
		for i := range x {
			x[i] = math.Float32frombits(r.Uint32())
			if r.IntN(3) > 0 {
				x[i] = float32(r.NormFloat64())
			}
		}
		return x
	}
	for n := range 131 {
		a, b := draw(n), draw(n)
		results := [2][]uint32{}
		for k, on := range []bool{simd, false} {
			results[k] = withSIMD(on, func() []uint32 { return everything(a, b) })
		}
		if !slices.Equal(results[0], results[1]) {
			t.Fatalf("n %d: assembly and twin differ", n)
		}
	}
}

func withSIMD(on bool, f func() []uint32) []uint32 {
	was := simd
	simd = on
	defer func() { simd = was }()
	return f()
}

// everything runs all loops over copies of a and b and returns the bits; NaN
// payloads of sums are left out, for x86 and the compiler choose them freely.
func everything(a, b []float32) []uint32 {
	var out []uint32
	note := func(x []float32) {
		for _, f := range x {
			if f != f {
				f = float32(math.NaN())
			}
			out = append(out, math.Float32bits(f))
		}
	}
	raw := make([]byte, 2*len(a))
	F32ToBF16(raw, a)
	for _, c := range raw {
		out = append(out, uint32(c))
	}
	wide := make([]float32, len(a))
	BF16ToF32(wide, raw)
	for _, f := range wide {
		out = append(out, math.Float32bits(f))
	}
	x := slices.Clone(a)
	RoundBF16(x)
	for _, f := range x {
		out = append(out, math.Float32bits(f))
	}
	Axpy(x, 0.3, b)
	note(x)
	ScaleTo(x, 1.7, b)
	note(x)
	Sub(x, a, b)
	note(x)
	Add(x, a)
	note(x)
	Scale(x, -0.1)
	note(x)
	return out
}
