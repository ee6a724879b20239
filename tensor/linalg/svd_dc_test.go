package linalg

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// sequences are diagonals that make divide and conquer deflate nowhere,
// everywhere, or at the edge of its tolerance.
func sequences(r *rand.Rand) map[string]func(i, n int) float64 {
	return map[string]func(i, n int) float64{
		"random":         func(i, n int) float64 { return r.NormFloat64() },
		"ones":           func(i, n int) float64 { return 1 },
		"zeros":          func(i, n int) float64 { return 0 },
		"signs":          func(i, n int) float64 { return float64(r.IntN(3) - 1) },
		"falling":        func(i, n int) float64 { return math.Pow(10, -float64(i)*30/float64(n)) },
		"rising":         func(i, n int) float64 { return math.Pow(10, float64(i)*30/float64(n)-30) },
		"many scales":    func(i, n int) float64 { return r.NormFloat64() * math.Pow(10, -16*r.Float64()) },
		"all scales":     func(i, n int) float64 { return r.NormFloat64() * math.Pow(10, -300*r.Float64()) },
		"wilkinson":      func(i, n int) float64 { return math.Abs(float64(i%21) - 10) },
		"weak glue":      func(i, n int) float64 { return map[bool]float64{true: 1e-8, false: 1}[i%21 == 20] },
		"weaker glue":    func(i, n int) float64 { return map[bool]float64{true: 1e-15, false: 1}[i%21 == 20] },
		"nearly ones":    func(i, n int) float64 { return 1 + 1e-14*float64(i) },
		"one and little": func(i, n int) float64 { return map[bool]float64{true: 1, false: 1e-17}[i == n/2] },
		"steps":          func(i, n int) float64 { return float64(i) },
		"tiny":           func(i, n int) float64 { return 1e-100 * r.NormFloat64() },
	}
}

// bidiagonals calls f with every pair of sequences of order n.
func bidiagonals(n int, f func(name string, d, e []float64)) {
	r := rand.New(rand.NewPCG(9, uint64(n)))
	all := sequences(r)
	for nameD, makeD := range all {
		for nameE, makeE := range all {
			d, e := make([]float64, n), make([]float64, n-1)
			for i := range d {
				d[i] = makeD(i, n)
			}
			for i := range e {
				e[i] = makeE(i, n)
			}
			f(fmt.Sprintf("%d: %s, %s", n, nameD, nameE), d, e)
		}
	}
}

// times is row i of the bidiagonal matrix times x, or of its transpose, or of
// the tridiagonal one.
func times(d, e, x []float64, i int, above, below bool) float64 {
	s := d[i] * x[i]
	if above && i+1 < len(d) {
		s += e[i] * x[i+1]
	}
	if below && i > 0 {
		s += e[i-1] * x[i-1]
	}
	return s
}

// farFrom is the norm of the matrix times x less s times y, relative to norm.
func farFrom(d, e, x, y []float64, s, norm float64, above, below bool) float64 {
	total := 0.0
	for i := range d {
		v := (times(d, e, x, i, above, below) - s*y[i]) / norm
		total += v * v
	}
	return math.Sqrt(total)
}

func TestTridiagonalVectors(t *testing.T) {
	for _, n := range []int{33, 65, 100} {
		bidiagonals(n, func(name string, d0, e0 []float64) {
			d, e := append([]float64{}, d0...), append([]float64{}, e0...)
			norm := max(largest(d), largest(e), 1e-320)
			q, _, err := newJob(context.Background()).tridiagonalVectors(d, e)
			if err != nil {
				t.Fatal(name, err)
			}
			for k := range n {
				row := q[k*n : (k+1)*n]
				if r := farFrom(d0, e0, row, row, d[k], norm, true, true); !(r <= 1e-14) {
					t.Fatalf("%s: residual %.3g", name, r)
				}
			}
			if off := offIdentity(Matrix{n, n, q}, false); !(off <= 5e-14) {
				t.Fatalf("%s: orthogonality %.3g", name, off)
			}
		})
	}
}

func TestBidiagonalVectors(t *testing.T) {
	for _, n := range []int{33, 65, 100} {
		bidiagonals(n, func(name string, d0, e0 []float64) {
			d, e := append([]float64{}, d0...), append([]float64{}, e0...)
			norm := max(largest(d), largest(e), 1e-320)
			u, v, _, err := newJob(context.Background()).bidiagonalVectors(d, e)
			if err != nil {
				t.Fatal(name, err)
			}
			for k := range n {
				x, y := v[k*n:(k+1)*n], u[k*n:(k+1)*n]
				r := max(farFrom(d0, e0, x, y, d[k], norm, true, false), farFrom(d0, e0, y, x, d[k], norm, false, true))
				if !(r <= 1e-14) || d[k] < 0 {
					t.Fatalf("%s: residual %.3g of %v", name, r, d[k])
				}
			}
			if off := max(offIdentity(Matrix{n, n, u}, false), offIdentity(Matrix{n, n, v}, false)); !(off <= 5e-14) {
				t.Fatalf("%s: orthogonality %.3g", name, off)
			}
		})
	}
}

// TestNotConverged feeds iterations what nothing converges on.
func TestNotConverged(t *testing.T) {
	nan := math.NaN()
	var target *NotConvergedError
	for name, left := range map[string]float64{
		"ql": tridiagonalQL([]float64{1, nan, 3}, []float64{1, 1}, nil, 0),
		"qr": bidiagonalQR([]float64{1, nan, 3}, []float64{1, 1}, nil, nil),
	} {
		if err := converged(left); !errors.As(err, &target) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if converged(0) != nil {
		t.Error("nothing left is no error")
	}
}
