package kernel

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// divergence256 is the definition, in 256 bits but for the exponentials and the
// logarithm, whose arguments' distances from 0 and 1 are.
func divergence256(x, y []float32, eps float64) float64 {
	p, q := softmax256(x), softmax256(y)
	sum := new(big.Float).SetPrec(256)
	for i := range p {
		a, b := add256(p[i], eps), add256(q[i], eps)
		ratio := new(big.Float).SetPrec(256).Quo(b, a)
		less1, _ := new(big.Float).SetPrec(256).Sub(ratio, big.NewFloat(1)).Float64()
		log := new(big.Float).SetPrec(256).SetFloat64(-math.Log1p(less1))
		sum.Add(sum, log.Mul(log, a))
	}
	f, _ := sum.Float64()
	return f
}

func add256(x *big.Float, y float64) *big.Float {
	return new(big.Float).SetPrec(256).Add(x, big.NewFloat(y))
}

func softmax256(x []float32) []*big.Float {
	var out []*big.Float
	sum := new(big.Float).SetPrec(256)
	for _, v := range x {
		e := exp256(float64(v))
		out = append(out, e)
		sum.Add(sum, e)
	}
	for _, e := range out {
		e.Quo(e, sum)
	}
	return out
}

// exp256 is Taylor's series of x/2^20, squared twenty times.
func exp256(x float64) *big.Float {
	t := new(big.Float).SetPrec(256).SetFloat64(math.Ldexp(x, -20))
	sum, term := new(big.Float).SetPrec(256).SetInt64(1), new(big.Float).SetPrec(256).SetInt64(1)
	for k := 1; k < 20; k++ {
		term.Mul(term, t)
		term.Quo(term, new(big.Float).SetInt64(int64(k)))
		sum.Add(sum, term)
	}
	for range 20 {
		sum.Mul(sum, sum)
	}
	return sum
}

// TestDivergence holds the divergence of rows that are close, and of others, to
// the definition; in float64, that of the closest here would be off by more.
func TestDivergence(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct{ spread, apart float64 }{{0.02, 1e-4}, {0.02, 1e-3}, {0.02, 0.02}, {1, 0.01}, {1, 1}, {5, 3}, {0.1, 0.2}} {
		x, y := make([]float32, 500), make([]float32, 500)
		for i := range x {
			x[i] = float32(c.spread * r.NormFloat64())
			y[i] = x[i] + float32(c.apart*r.NormFloat64())
		}
		got, want := Divergence(x, y, make([]float32, 1000), 1e-8), divergence256(x, y, 1e-8)
		if math.Abs(got-want) > 1e-5*want {
			t.Errorf("spread %v, %v apart: %v, want %v, off by %.2g", c.spread, c.apart, got, want, got/want-1)
		}
		if d := Divergence(x, x, make([]float32, 1000), 1e-8); d != 0 {
			t.Errorf("of a row from itself: %v", d)
		}
	}
}
