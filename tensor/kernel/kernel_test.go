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
		v := HalfToFloat(uint16(h))
		want := uint16(h)
		if v != v {
			want |= 0x200
		}
		if got := floatToHalf(v); got != want {
			t.Fatalf("%#04x (%v) came back as %#04x", h, v, got)
		}
		if h&0x7fff < 0x7bff {
			next := HalfToFloat(uint16(h) + 1)
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
			keep := make(Mask, MaskWords(n))
			KeepLargest(keep, x, bits, after(x, bits, ties))
			if got, want := kept(keep), firstLargest(x, k); !slices.Equal(got, want) {
				t.Fatalf("n %d k %d: kept %v, want %v", n, k, got, want)
			}
		}
	}
}

// after is the index behind the n-th element of that magnitude.
func after(x []float32, bits uint32, n int) int {
	for i, f := range x {
		if MagnitudeBits(f) == bits {
			if n--; n == 0 {
				return i + 1
			}
		}
	}
	return 0
}

func kept(m Mask) []int {
	var at []int
	for i := range 64 * len(m) {
		if m.Has(i) {
			at = append(at, i)
		}
	}
	return at
}

// firstLargest is the indices of the k largest magnitudes, ties to the first.
func firstLargest(x []float32, k int) []int {
	at := make([]int, len(x))
	for i := range at {
		at[i] = i
	}
	slices.SortStableFunc(at, func(a, b int) int { return int(MagnitudeBits(x[b])) - int(MagnitudeBits(x[a])) })
	at = at[:k]
	slices.Sort(at)
	return at
}

// TestVote is the vote of TIES by hand: deltas (1,-1,0,2) and (2,3,-4,-2).
func TestVote(t *testing.T) {
	deltas := []Delta{{X: []float32{1, -1, 0, 2}, Above: -1, Rescale: 1, Weight: 0.5}, {X: []float32{2, 3, -4, -2}, Above: -1, Rescale: 2, Weight: 0.5}}
	base, out := []float32{10, 10, 10, 10}, make([]float32, 4)
	// weighed: (0.5, -0.5, 0, 1) and (2, 3, -4, -2); sums 2.5, 2.5, -4, -1
	Mix{Elect: true, Lambda: 1}.Into(out, base, deltas)
	if want := []float32{12.5, 13, 6, 8}; !slices.Equal(out, want) {
		t.Errorf("vote: %v, want %v", out, want)
	}
	Mix{Elect: true, Normalize: true, Lambda: 1}.Into(out, base, deltas)
	if want := []float32{12.5, 16, 2, 6}; !slices.Equal(out, want) {
		t.Errorf("divided by votes: %v, want %v", out, want)
	}
	Mix{Normalize: true, Lambda: 2}.Into(out, base, deltas)
	if want := []float32{15, 15, 2, 8}; !slices.Equal(out, want) {
		t.Errorf("sum: %v, want %v", out, want)
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
