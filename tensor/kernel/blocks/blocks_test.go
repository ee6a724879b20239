package blocks

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/rouxml/roux/tensor/kernel/cpu"
)

var all = map[string]Decoder{
	"Q4_0": Q4_0, "Q4_1": Q4_1, "Q5_0": Q5_0, "Q5_1": Q5_1, "Q8_0": Q8_0, "Q2_K": Q2_K, "Q3_K": Q3_K,
	"Q4_K": Q4_K, "Q5_K": Q5_K, "Q6_K": Q6_K, "IQ4_NL": IQ4_NL, "IQ4_XS": IQ4_XS,
}

// TestGolden: testdata holds random blocks, with scales that are zeros,
// denormals and the largest too, and behind them what gguf-py 0.19 makes of them.
func TestGolden(t *testing.T) {
	for name, d := range all {
		data, err := os.ReadFile("testdata/" + name + ".bin")
		if err != nil {
			t.Fatal(err)
		}
		n := len(data) / (d.Bytes + 4*d.Values)
		if n*(d.Bytes+4*d.Values) != len(data) {
			t.Fatalf("%s: %d bytes", name, len(data))
		}
		for _, level := range cpu.Levels() {
			restore := cpu.Force(level)
			got := make([]float32, n*d.Values)
			d.Decode(got, data[:n*d.Bytes])
			for i, g := range got {
				if want := binary.LittleEndian.Uint32(data[n*d.Bytes+4*i:]); math.Float32bits(g) != want {
					t.Errorf("%s %v: value %d is %v, want %v", name, level, i, g, math.Float32frombits(want))
					break
				}
			}
			restore()
		}
	}
}

// TestTwins: assembly gives the bits of plain Go for any bytes, infinite and
// NaN scales included, from any place, and touches nothing beside.
func TestTwins(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for name, d := range all {
		for n := range 10 {
			src := make([]byte, n*d.Bytes+n%3)[n%3:]
			for i := range src {
				src[i] = byte(r.Uint32())
			}
			want := make([]float32, n*d.Values)
			for i := range n {
				d.scalar(want[i*d.Values:(i+1)*d.Values], src[i*d.Bytes:(i+1)*d.Bytes])
			}
			for _, level := range cpu.Levels() {
				restore := cpu.Force(level)
				guarded := make([]float32, n*d.Values+32)
				for i := range guarded {
					guarded[i] = 77
				}
				got := guarded[16 : 16+n*d.Values]
				d.Decode(got, src)
				restore()
				for i, w := range want {
					if math.Float32bits(w) != math.Float32bits(got[i]) && (w == w || got[i] == got[i]) {
						t.Fatalf("%s %v, %d blocks: value %d is %v, want %v", name, level, n, i, got[i], w)
					}
				}
				for i, g := range guarded {
					if (i < 16 || i >= 16+len(want)) && g != 77 {
						t.Fatalf("%s %v: wrote at %d, beside its %d values", name, level, i-16, len(want))
					}
				}
			}
		}
	}
}

func TestShort(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a slice that is too short was taken")
		}
	}()
	Q8_0.Decode(make([]float32, 31), make([]byte, 34))
}

func BenchmarkDecode(b *testing.B) {
	for name, d := range all {
		b.Run(name, func(b *testing.B) {
			src, dst := make([]byte, 65536/d.Values*d.Bytes), make([]float32, 65536)
			b.SetBytes(4 * 65536)
			for b.Loop() {
				d.Decode(dst, src)
			}
		})
	}
}
