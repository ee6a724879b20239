package codec

import (
	"math"
	"slices"
	"testing"

	"github.com/rouxml/roux/tensor"
)

// TestRoundTrip: what a dtype holds exactly comes back, and Round gives what
// encoding and decoding give.
func TestRoundTrip(t *testing.T) {
	exact := []float32{0, 1, -2, 0.5, 448, -0.25, float32(math.Inf(1))}
	for _, d := range []tensor.DType{tensor.F64, tensor.F32, tensor.BF16, tensor.F16, tensor.F8E5M2} {
		raw := make([]byte, len(exact)*d.Size())
		if err := FromF32(raw, exact, d); err != nil {
			t.Fatal(err)
		}
		back := make([]float32, len(exact))
		if err := ToF32(back, raw, d); err != nil {
			t.Fatal(err)
		}
		for i, v := range exact {
			if back[i] != v {
				t.Errorf("%s: %v came back as %v", d, v, back[i])
			}
		}
		odd := []float32{0.1, 1.0 / 3, -1e-3}
		rounded := []float32{0.1, 1.0 / 3, -1e-3}
		Round(rounded, d)
		raw = make([]byte, len(odd)*d.Size())
		if err := FromF32(raw, odd, d); err != nil {
			t.Fatal(err)
		}
		if err := ToF32(odd, raw, d); err != nil {
			t.Fatal(err)
		}
		for i := range odd {
			if odd[i] != rounded[i] {
				t.Errorf("%s: Round gives %v, storing gives %v", d, rounded[i], odd[i])
			}
		}
	}
}

// TestIntegers are read by value and never computed.
func TestIntegers(t *testing.T) {
	dst := make([]float32, 2)
	if err := ToF32(dst, []byte{255, 255, 2, 0}, tensor.I16); err != nil || dst[0] != -1 || dst[1] != 2 {
		t.Errorf("%v %v", dst, err)
	}
	if err := FromF32(make([]byte, 4), dst, tensor.I16); err == nil {
		t.Error("an integer tensor was computed")
	}
	if err := ToF32(dst, []byte{1}, tensor.BF16); err == nil {
		t.Error("too few bytes")
	}
}

// TestRecord: codes, scales and zero points of a row keep to their places.
func TestRecord(t *testing.T) {
	q := tensor.Quant{Bits: 4, GroupSize: 3}
	info := tensor.Info{Name: "w", DType: tensor.F32, Shape: tensor.Shape{2, 5}, Quant: &q}
	raw := make([]byte, info.Bytes())
	for i := range 2 {
		r := RecordAt(raw, i, 5, q)
		for j := range 5 {
			r.SetCode(j, int8(j-3))
		}
		for g := range 2 {
			r.SetScale(g, float32(i+1)/2)
			r.SetZero(g, int8(-g))
		}
	}
	got := make([]float32, 10)
	if err := DecodeRows(got, raw, info); err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		for j := range 5 {
			if want := float32(j-3+j/3) * float32(i+1) / 2; got[i*5+j] != want {
				t.Errorf("[%d,%d] = %v, want %v", i, j, got[i*5+j], want)
			}
		}
	}
}

// TestOverflow: what storing would make infinite is so before, beside NaN too,
// and nothing changes where all fits or storing saturates.
func TestOverflow(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, c := range []struct {
		d       tensor.DType
		in, out []float32
	}{
		{tensor.F16, []float32{1.0001, 65519}, []float32{1, 65504}},
		{tensor.F16, []float32{1.0001, 65520, -1e9}, []float32{1, inf, -inf}},
		{tensor.F16, []float32{nan, 1e9}, []float32{nan, inf}},
		{tensor.F16, []float32{1.0001, 65504}, []float32{1.0001, 65504}},
		{tensor.BF16, []float32{math.MaxFloat32}, []float32{inf}},
		{tensor.F8E5M2, []float32{1e6}, []float32{inf}},
		{tensor.F8E4M3, []float32{1e6}, []float32{1e6}},
		{tensor.F32, []float32{math.MaxFloat32, nan}, []float32{math.MaxFloat32, nan}},
	} {
		x := slices.Clone(c.in)
		Overflow(x, c.d)
		for i := range x {
			if x[i] != c.out[i] && (x[i] == x[i] || c.out[i] == c.out[i]) {
				t.Errorf("%s: %v became %v, want %v", c.d, c.in, x, c.out)
				break
			}
		}
	}
}

// TestBlocks: the sizes that headers are computed with are those of the
// decoders, rows decode where they lie, and rows of part of a block are refused.
func TestBlocks(t *testing.T) {
	for b := tensor.Q4_0; b <= tensor.IQ4_XS; b++ {
		if b.Bytes() != decoders[b].Bytes || b.Values() != decoders[b].Values {
			t.Errorf("%s has %d bytes and %d values, and its decoder %d and %d", b, b.Bytes(), b.Values(), decoders[b].Bytes, decoders[b].Values)
		}
	}
	info := tensor.Info{Name: "w", DType: tensor.F32, Shape: tensor.Shape{2, 64}, Quant: &tensor.Quant{Block: tensor.Q8_0}}
	raw := make([]byte, info.Bytes())
	raw[2*34+1], raw[2*34+2] = 0x3c, 5 // the second row's first scale is 1
	got := make([]float32, 128)
	if err := DecodeRows(got, raw, info); err != nil || got[64] != 5 || got[65] != 0 {
		t.Errorf("%v, %v", got[64:66], err)
	}
	info.Shape = tensor.Shape{2, 40}
	if err := DecodeRows(got[:80], make([]byte, info.Bytes()), info); err == nil {
		t.Error("rows of a block and a quarter were decoded")
	}
}
