package gemm

import (
	"encoding/binary"
	"math"
	"slices"
	"testing"
)

// halves makes random 16-bit numbers and their values.
func halves(f Format, n int) ([]byte, []float32) {
	r := newRand()
	raw, wide := make([]byte, 2*n), make([]float32, n)
	for i := range wide {
		h := uint16(r.Uint32())
		if f == F16 && h&0x7C00 == 0x7C00 || f == BF16 {
			h = h&0x807F | uint16(r.IntN(6)+124)<<7
			if f == F16 {
				h &= 0xBFFF
			}
		}
		binary.LittleEndian.PutUint16(raw[2*i:], h)
		wide[i] = f.at(raw, i)
	}
	return raw, wide
}

func TestF32HalfHasTheBitsOfF32(t *testing.T) {
	for _, format := range []Format{BF16, F16} {
		onEveryLevel(t, func(t *testing.T) {
			for _, s := range shapes {
				for trans := range 4 {
					p := newProblem[float32](newRand(), s[0], s[1], s[2], trans, 0.5, 2)
					raw, wide := halves(format, len(p.b))
					p.b = wide
					want := p.run(t, F32, 1)
					got := p.run(t, func(transA, transB bool, m, n, k int, alpha float32, a []float32, lda int, _ []float32, ldb int, beta float32, c []float32, ldc, workers int) {
						F32Half(format, transA, transB, m, n, k, alpha, a, lda, raw, ldb, beta, c, ldc, workers)
					}, 2)
					if !slices.Equal(got, want) {
						t.Fatalf("format %d, %v: bits differ", format, p)
					}
				}
			}
		})
	}
}

// Values from numpy: np.array(bits, np.uint16).view(np.float16).astype(np.float32).
func TestWidenF16(t *testing.T) {
	for bits, want := range map[uint16]float32{
		0x0000: 0, 0x0001: 5.9604644775390625e-08, 0x03FF: 6.097555160522461e-05, 0x0400: 6.103515625e-05,
		0x3C00: 1, 0xC000: -2, 0x3555: 0.333251953125, 0x7BFF: 65504, 0xFC00: float32(math.Inf(-1)),
	} {
		if got := widenF16(bits); got != want {
			t.Errorf("%#04x is %v, want %v", bits, got, want)
		}
	}
	if v := widenF16(0x7E01); v == v || math.Signbit(float64(widenF16(0x8000))) == false {
		t.Error("NaN or the sign of zero was lost")
	}
}

// Every 16-bit number widens alike in scalar and vector code, NaNs included.
func TestEveryHalfWidensAlike(t *testing.T) {
	for _, format := range []Format{BF16, F16} {
		raw := make([]byte, 2<<16)
		for i := range 1 << 16 {
			binary.LittleEndian.PutUint16(raw[2*i:], uint16(i))
		}
		onEveryLevel(t, func(t *testing.T) {
			width := f32Kit().nr
			got, want := make([]float32, 1<<16), make([]float32, 1<<16)
			portableHalf(format).along(want, width, raw, width, width, 1<<16/width)
			halfKit(format).along(got, width, raw, width, width, 1<<16/width)
			same := func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }
			if !slices.EqualFunc(got, want, same) {
				t.Fatalf("format %d: packing along differs", format)
			}
			portableHalf(format).across(want, width, raw, 1<<16/width, width, 1<<16/width)
			halfKit(format).across(got, width, raw, 1<<16/width, width, 1<<16/width)
			if !slices.EqualFunc(got, want, same) {
				t.Fatalf("format %d: packing across differs", format)
			}
		})
	}
}
