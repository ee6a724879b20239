package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestForwardGolden holds the kernels of the forward pass to numpy's numbers in
// float64 for the same small input.
func TestForwardGolden(t *testing.T) {
	x := []float32{0.5, -1.25, 3, 0.75, -2, 1.5}
	w, b := []float32{1, 2, 0.5, -1, 0.25, 1.5}, []float32{0.1, -0.2, 0.3, 0, 1, -1}
	cos, sin := make([]float32, 3), make([]float32, 3)
	RotaryAngles(cos, sin, 5, 10000)
	for _, c := range []struct {
		name string
		f    func(d []float32)
		want []float64
	}{
		{"softmax", func(d []float32) { Softmax(d, d) }, []float64{0.05733727918085702, 0.009963725109976632, 0.6985110573439596, 0.0736225237919413, 0.004706530482658749, 0.15585888409060675}},
		{"RMS norm", func(d []float32) { RMSNorm(d, d, w, 1e-5) }, []float64{0.2917294864353837, -1.4586474321769187, 0.8751884593061512, -0.4375942296530756, -0.2917294864353837, 1.312782688959227}},
		{"layer norm", func(d []float32) { LayerNorm(d, d, w, b, 1e-5) }, []float64{0.15012538003271111, -2.205015201308445, 1.0769433905070223, -0.20050152013084446, 0.6365909947628444, -0.02255508936213324}},
		{"rotary by halves", func(d []float32) { RotateHalf(d, cos, sin) }, []float64{0.8610242987289669, -0.7564843570186157, 2.9836679944248328, -0.26671549823414953, -2.2338825881380004, 1.532228866405047}},
		{"rotary by pairs", func(d []float32) { RotatePairs(d, cos, sin) }, []float64{-1.05682425059731, -0.834039869160602, 2.747069389086986, 1.4198978032031926, -2.016041909078309, 1.4783690408148729}},
	} {
		d := slices.Clone(x)
		c.f(d)
		for i, v := range d {
			if math.Abs(float64(v)-c.want[i]) > 3e-7*max(1, math.Abs(c.want[i])) {
				t.Errorf("%s[%d] = %v, numpy has %v", c.name, i, v, c.want[i])
			}
		}
	}
}

// TestSoftmaxBound holds long rows to the bound that Softmax states.
func TestSoftmaxBound(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	x, y := make([]float32, 5000), make([]float32, 5000)
	for i := range x {
		x[i] = float32(8 * r.NormFloat64())
	}
	Softmax(y, x)
	most, sum := float64(slices.Max(x)), 0.0
	for _, v := range x {
		sum += math.Exp(float64(v) - most)
	}
	for i, v := range x {
		want := math.Exp(float64(v)-most) / sum
		if off := math.Abs(float64(y[i])-want) / ulp(want); off > 3+most-float64(v) {
			t.Errorf("softmax of %v is %.3g units off", v, off)
		}
	}
	Softmax(nil, nil)
}

func TestExtremes(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	x := make([]float32, 40)
	x[3], x[20], x[21], x[38] = -2, 5, nan, float32(math.Copysign(0, -1))
	if lo, hi := MinMax(x); lo != -2 || hi != 5 {
		t.Errorf("least %v and most %v, want -2 and 5", lo, hi)
	}
	if lo, hi := MinMax([]float32{nan}); lo != inf || hi != -inf {
		t.Errorf("of NaN alone %v and %v", lo, hi)
	}
	if m := AbsMax(x); m == m {
		t.Errorf("the greatest magnitude is %v, not NaN", m)
	}
	x[21] = -inf
	if m := AbsMax(x); m != inf {
		t.Errorf("the greatest magnitude is %v, want infinity", m)
	}
}

// TestHistogram holds a histogram to numpy's.
func TestHistogram(t *testing.T) {
	x := []float32{-3, -1, -.5, -.25, 0, .1, .25, .5, .74, .75, .76, 2, float32(math.NaN())}
	counts := make([]uint64, 5)
	for range 40 {
		Histogram(counts, x, -0.5, 0.75)
	}
	if want := []uint64{40, 40, 80, 40, 120}; !slices.Equal(counts, want) {
		t.Errorf("%v, want %v", counts, want)
	}
}

// TestFP8Sweep holds the vector code to the scalar over all exponents.
func TestFP8Sweep(t *testing.T) {
	var x []float32
	for b := uint64(0); b < 1<<32; b += 4093 {
		x = append(x, math.Float32frombits(uint32(b)))
	}
	codes, all, wide := make([]byte, len(x)), make([]byte, 256), make([]float32, 256)
	for i := range all {
		all[i] = byte(i)
	}
	for _, c := range []struct {
		f      *fp8
		narrow func([]byte, []float32)
		widen  func([]float32, []byte)
	}{{e4m3, F32ToE4M3, E4M3ToF32}, {e5m2, F32ToE5M2, E5M2ToF32}} {
		c.narrow(codes, x)
		for i, v := range x {
			if want := c.f.encode(v); codes[i] != want {
				t.Fatalf("%v (%#x) went to %#02x, want %#02x", v, math.Float32bits(v), codes[i], want)
			}
		}
		c.widen(wide, all)
		for i, v := range wide {
			if math.Float32bits(v) != math.Float32bits(c.f.table[i]) {
				t.Errorf("code %#02x is %v, want %v", i, v, c.f.table[i])
			}
		}
	}
}
