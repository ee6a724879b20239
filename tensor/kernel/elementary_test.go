package kernel

import (
	"math"
	"testing"
)

func sigmoid64(x float64) float64 {
	if x < -30 { // where 1+exp(-x) is exp(-x)
		return math.Exp(x)
	}
	return 1 / (1 + math.Exp(-x))
}

// elementary is the functions, what they are in float64, and their bounds in
// units in the last place, or as parts of |x|.
var elementary = map[string]struct {
	f     func(dst, x []float32)
	of    func(float64) float64
	ulp   float64
	part  float64
	floor float64 // least unit, as a part of |x|: one factor is denormal there
}{
	"exp":      {Exp, math.Exp, 0.9, 0, 0},
	"log":      {Log, math.Log, 0.9, 0, 0},
	"tanh":     {Tanh, math.Tanh, 1.5, 0, 0},
	"sigmoid":  {Sigmoid, sigmoid64, 2.1, 0, 0},
	"silu":     {SiLU, func(x float64) float64 { return x * sigmoid64(x) }, 3, 0, 0x1p-149},
	"gelu":     {GELU, func(x float64) float64 { return x * math.Erfc(-x/math.Sqrt2) / 2 }, 0, 3e-7, 0},
	"geluTanh": {GELUTanh, func(x float64) float64 { return x * sigmoid64(math.Sqrt(8/math.Pi)*(x+0.044715*x*x*x)) }, 0, 3e-7, 0},
}

// ulp is the distance of the float32 numbers around v, however small.
func ulp(v float64) float64 {
	_, e := math.Frexp(v)
	return math.Ldexp(1, max(e-24, -149))
}

// TestElementary sweeps all exponents and signs, with 2^23/1021 numbers in
// each binade.
func TestElementary(t *testing.T) {
	const step = 1021
	var x []float32
	for b := uint64(0); b < 1<<32; b += step {
		if v := math.Float32frombits(uint32(b)); v-v == 0 {
			x = append(x, v)
		}
	}
	y := make([]float32, len(x))
	for name, c := range elementary {
		c.f(y, x)
		worst, at := 0.0, float32(0)
		for i, v := range x {
			want := c.of(float64(v))
			if w32 := float32(want); w32-w32 != 0 || w32 == 0 {
				if !agrees(y[i], w32) {
					t.Errorf("%s(%v) = %v, want %v", name, v, y[i], w32)
				}
				continue
			}
			unit := ulp(want)
			if c.ulp == 0 {
				unit = max(math.Abs(float64(v)), 0x1p-126)
			}
			unit = max(unit, c.floor*math.Abs(float64(v)))
			if e := math.Abs(float64(y[i])-want) / unit; !(e <= worst) {
				worst, at = e, v
			}
		}
		t.Logf("%s: at most %.3g off, at %v", name, worst, at)
		if worst > max(c.ulp, c.part) {
			t.Errorf("%s(%v) is %.3g off, more than %g", name, at, worst, max(c.ulp, c.part))
		}
	}
}

// agrees compares results at the ends of the range: the smallest denormal may
// stand for zero.
func agrees(got, want float32) bool {
	return got == want || (got != got && want != want) || (want == 0 && math.Abs(float64(got)) <= 0x1p-149) ||
		(math.IsInf(float64(want), 0) && math.Abs(float64(got)) == math.MaxFloat32)
}

// TestElementaryEdges names what happens at infinities, NaN and zeros.
func TestElementaryEdges(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	x := []float32{inf, -inf, nan, 0, 89, -104, -1}
	for name, c := range map[string]struct {
		f    func(dst, x []float32)
		want []float32
	}{
		"exp":     {Exp, []float32{inf, 0, nan, 1, inf, 0, 0.36787945}},
		"log":     {Log, []float32{inf, nan, nan, -inf, 4.4886365, nan, nan}},
		"tanh":    {Tanh, []float32{1, -1, nan, 0, 1, -1, -0.7615942}},
		"sigmoid": {Sigmoid, []float32{1, 0, nan, 0.5, 1, 0, 0.26894143}},
		"silu":    {SiLU, []float32{inf, nan, nan, 0, 89, 0, -0.26894143}},
	} {
		long := make([]float32, 64)
		for i := range long {
			long[i] = x[i%len(x)]
		}
		c.f(long, long)
		for i, got := range long {
			if want := c.want[i%len(x)]; number(got+0) != number(want) && math.Abs(float64(got-want)) > 6e-8 {
				t.Errorf("%s(%v) = %v, want %v", name, x[i%len(x)], got, want)
			}
		}
	}
}
