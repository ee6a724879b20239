package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/rouxml/roux/tensor/kernel/cpu"
)

// The assembly has the bits of plain Go, NaN and hidden scores included, and
// writes nothing behind its rows.
func TestSoftmaxStepTwins(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, level := range cpu.Levels() {
		restore := cpu.Force(level)
		for cols := 16; cols <= 128; cols += 16 {
			for rows := range 5 {
				ld := cols + rows%3
				one, two := make([]float32, rows*ld+20), make([]float32, rows*ld+20)
				for i := range one {
					one[i] = float32(6 * r.NormFloat64())
					if r.IntN(9) == 0 {
						one[i] = float32(math.Inf(-1))
					}
					if r.IntN(300) == 0 {
						one[i] = float32(math.NaN())
					}
					two[i] = one[i]
				}
				var m1, m2, d1, d2, s1, s2 [6]float32
				for i := range m1 {
					m1[i] = float32(r.NormFloat64())
					m2[i] = m1[i]
				}
				if rows > 0 {
					softmaxTile(one, ld, rows, cols, m1[:], d1[:], s1[:])
					softmaxTileOne(two, ld, rows, cols, m2[:], d2[:], s2[:])
				}
				for i := range one {
					if !sameBits(one[i], two[i]) {
						t.Fatalf("%s, %d x %d: element %d is %v, plain Go has %v", level, rows, cols, i, one[i], two[i])
					}
				}
				for i := range m1 {
					if !sameBits(m1[i], m2[i]) || !sameBits(d1[i], d2[i]) || !sameBits(s1[i], s2[i]) {
						t.Fatalf("%s, %d x %d: row %d has %v %v %v, plain Go has %v %v %v", level, rows, cols, i, m1[i], d1[i], s1[i], m2[i], d2[i], s2[i])
					}
				}
			}
		}
		restore()
	}
}

func sameBits(a, b float32) bool {
	return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b
}

// Tile by tile a row becomes its softmax.
func TestSoftmaxStepIsSoftmax(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	x := make([]float32, 160)
	for i := range x {
		x[i] = float32(5 * r.NormFloat64())
	}
	want, v0 := make([]float32, len(x)), slices.Clone(x)
	Softmax(want, x)
	most, sum, shrink := []float32{-math.MaxFloat32}, []float32{0}, []float32{0}
	for at := 0; at < len(x); at += 32 {
		SoftmaxStep(x[at:], 32, 1, 32, most, sum, shrink)
		Scale(x[:at], shrink[0])
	}
	for i, v := range x {
		if got := v / sum[0]; math.Abs(float64(got-want[i])) > (1e-6+1e-7*float64(most[0]-v0[i]))*float64(want[i]) {
			t.Fatalf("element %d is %v, softmax has %v", i, got, want[i])
		}
	}
}

func TestMulAndExpFrom(t *testing.T) {
	x := []float32{1, 2, -3, 0.5}
	Mul(x, []float32{2, 0.5, 1, -4})
	if x[0] != 2 || x[1] != 1 || x[2] != -3 || x[3] != -2 {
		t.Error(x)
	}
	ExpFrom(x, x, 2)
	if x[0] != 1 || math.Abs(float64(x[1])-math.Exp(-1)) > 1e-7 {
		t.Error(x)
	}
}
