package linalg

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/rouxml/roux/tensor/kernel/cpu"
)

// guarded is n random numbers that start off alignment, between guards.
type guarded struct {
	all, data []float64
}

const guard = 1234.5

func newGuarded(r *rand.Rand, n, offset int) guarded {
	all := make([]float64, n+offset+9)
	for i := range all {
		all[i] = guard
	}
	g := guarded{all, all[offset : offset+n : offset+n]}
	for i := range g.data {
		g.data[i] = r.NormFloat64()
	}
	return g
}

func (g guarded) check(t *testing.T, offset int) {
	t.Helper()
	for i, v := range g.all {
		if (i < offset || i >= offset+len(g.data)) && v != guard {
			t.Fatalf("wrote at %d, outside %d..%d", i, offset, offset+len(g.data))
		}
	}
}

func near(t *testing.T, what string, got, want []float64) {
	t.Helper()
	for i := range want {
		if !(math.Abs(got[i]-want[i]) <= 1e-12*(1+math.Abs(want[i]))) {
			t.Fatalf("%s: [%d] = %v, want %v", what, i, got[i], want[i])
		}
	}
}

// TestLoops holds the vector loops to their scalar twins.
func TestLoops(t *testing.T) {
	for _, level := range cpu.Levels() {
		t.Run(level.String(), func(t *testing.T) {
			defer cpu.Force(level)()
			r := rand.New(rand.NewPCG(3, 4))
			for n := range 131 {
				testRows(t, r, n, n%7)
				testRotate(t, r, n, n%5)
				testSecularSums(t, r, n, n%6)
			}
		})
	}
}

func testRows(t *testing.T, r *rand.Rand, n, offset int) {
	lda := n + n%3
	for _, count := range []int{0, 1, 3, 4, 7, 9} {
		what := fmt.Sprint("rows ", count, " x ", n)
		a := newGuarded(r, max(0, count*lda), offset)
		x, y := newGuarded(r, n, offset+1), newGuarded(r, n, offset)
		out, want := newGuarded(r, count, offset), make([]float64, count)
		dotRows(out.data, a.data, lda, x.data)
		for k := range want {
			want[k] = dotGo(a.data[k*lda:], x.data)
		}
		near(t, what+" dot", out.data, want)
		c, wantY := newGuarded(r, count, 0), append([]float64{}, y.data...)
		addRows(y.data, a.data, lda, c.data)
		for k, w := range c.data {
			axpyGo(wantY, a.data[k*lda:], w)
		}
		near(t, what+" add", y.data, wantY)
		if count == 4 {
			var both, wantBoth [4]float64
			symv4(y.data, a.data, lda, x.data, (*[4]float64)(c.data), &both)
			symv4Go(wantY, a.data, lda, x.data, (*[4]float64)(c.data), &wantBoth)
			near(t, what+" symv, y", y.data, wantY)
			near(t, what+" symv, products", both[:], wantBoth[:])
		}
		y.check(t, offset)
		out.check(t, offset)
		a.check(t, offset)
	}
}

func testRotate(t *testing.T, r *rand.Rand, n, offset int) {
	x, y := newGuarded(r, n, offset), newGuarded(r, n, offset+1)
	wantX, wantY := append([]float64{}, x.data...), append([]float64{}, y.data...)
	rotate(x.data, y.data, 0.6, -0.8)
	rotateGo(wantX, wantY, 0.6, -0.8)
	near(t, "rotate x", x.data, wantX)
	near(t, "rotate y", y.data, wantY)
	x.check(t, offset)
	y.check(t, offset+1)
}

func testSecularSums(t *testing.T, r *rand.Rand, n, offset int) {
	gap, w := newGuarded(r, n, offset), newGuarded(r, n, offset+1)
	for i := range gap.data {
		gap.data[i] = 1 + math.Abs(gap.data[i])
	}
	for _, mu := range []float64{0, 0.5, -1e-300} {
		sum, slope := secularSums(gap.data, w.data, mu)
		wantSum, wantSlope := secularSumsGo(gap.data, w.data, mu)
		near(t, fmt.Sprint("secular ", n), []float64{sum, slope}, []float64{wantSum, wantSlope})
	}
}
