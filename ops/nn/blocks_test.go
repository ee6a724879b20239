package nn

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/codec"
)

// inMemory is a tensor in memory.
type inMemory struct {
	info tensor.Info
	data []byte
}

func (m inMemory) Info() tensor.Info                       { return m.info }
func (m inMemory) ReadAt(p []byte, off int64) (int, error) { return copy(p, m.data[off:]), nil }

// TestBlocks: a weight in blocks, and rows of it, give the bits of the same
// weight decoded, and stay in blocks unless they are stored transposed.
func TestBlocks(t *testing.T) {
	const in, out, n = 512, 48, 5
	r := rand.New(rand.NewPCG(6, 6))
	for b := tensor.Q4_0; b <= tensor.IQ4_XS; b++ {
		info := tensor.Info{Name: "w", DType: tensor.F32, Shape: tensor.Shape{out, in}, Quant: &tensor.Quant{Block: b}}
		stored := inMemory{info, make([]byte, info.Bytes())}
		for i := range stored.data {
			stored.data[i] = byte(r.Uint32()) & 0x3f // no scale is infinite
		}
		full := make([]float32, out*in)
		if err := codec.DecodeRows(full, stored.data, info); err != nil {
			t.Fatal(err)
		}
		blocks, err := (&reader{}).matrixOf(stored, in, out, false)
		if err != nil || blocks.blocks == nil || blocks.full != nil {
			t.Fatalf("%s: %v", b, err)
		}
		x := make([]float32, n*in)
		for i := range x {
			x[i] = float32(r.NormFloat64())
		}
		plain := &matrix{in: in, out: out, full: full}
		for _, rows := range [][2]int{{0, out}, {7, 40}} {
			want, got := make([]float32, n*out), make([]float32, n*out)
			plain.rows(rows[0], rows[1]).to(n, x, in, want, out, 1)
			blocks.rows(rows[0], rows[1]).to(n, x, in, got, out, 2)
			if !slices.Equal(want, got) {
				t.Errorf("%s: rows %v are not the bits of decoding first", b, rows)
			}
		}
		if turned, err := (&reader{}).matrixOf(stored, out, in, true); err != nil || turned.full == nil {
			t.Errorf("%s: transposed: %v", b, err)
		}
	}
}
