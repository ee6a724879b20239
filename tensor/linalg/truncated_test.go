package linalg

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// falling makes a rows x cols matrix with singular values that fall as
// 1/(1+k)^p, from products of random reflections.
func falling(rows, cols int, p float64) []float32 {
	r := rand.New(rand.NewPCG(1, 2))
	a := make([]float32, rows*cols)
	for i := range min(rows, cols) {
		a[i*cols+i] = float32(math.Pow(1+float64(i), -p))
	}
	for range 4 {
		mirror(r, a, rows, cols, true)
		mirror(r, a, rows, cols, false)
	}
	return a
}

// mirror applies a random Householder reflection to the rows or the columns.
func mirror(r *rand.Rand, a []float32, rows, cols int, left bool) {
	n, at := cols, func(i, j int) *float32 { return &a[j*cols+i] }
	other := rows
	if left {
		n, other, at = rows, cols, func(i, j int) *float32 { return &a[i*cols+j] }
	}
	v, square := make([]float64, n), 0.0
	for i := range v {
		v[i] = r.NormFloat64()
		square += v[i] * v[i]
	}
	for j := range other {
		dot := 0.0
		for i := range v {
			dot += v[i] * float64(*at(i, j))
		}
		for i := range v {
			*at(i, j) -= float32(2 * dot / square * v[i])
		}
	}
}

func apart(a, b []float32) float64 {
	sum := 0.0
	for i := range a {
		sum += (float64(a[i]) - float64(b[i])) * (float64(a[i]) - float64(b[i]))
	}
	return math.Sqrt(sum)
}

// TestTruncate holds both methods to the least error that there is, the root of
// the sum of squares of what is left out (Eckart and Young).
func TestTruncate(t *testing.T) {
	ctx := context.Background()
	for _, c := range []struct{ rows, cols, rank int }{{200, 150, 10}, {60, 300, 8}, {50, 40, 30}, {30, 1, 1}} {
		a := falling(c.rows, c.cols, 1)
		least := 0.0
		for k := c.rank; k < min(c.rows, c.cols); k++ {
			least += math.Pow(1+float64(k), -2)
		}
		for _, m := range []Method{Exact, Randomized, Auto} {
			d, err := Truncate(ctx, a, c.rows, c.cols, c.rank, m)
			if err != nil {
				t.Fatal(err)
			}
			product := make([]float32, len(a))
			if err := d.Product(ctx, product, c.rows, c.cols); err != nil {
				t.Fatal(err)
			}
			if e := apart(product, a); e > 1.002*math.Sqrt(least)+1e-6 {
				t.Errorf("%v %s: error %v, least %v", c, m, e, math.Sqrt(least))
			}
			again, err := Truncate(ctx, a, c.rows, c.cols, c.rank, m)
			if err != nil || !slices.Equal(again.U, d.U) || !slices.Equal(again.Vt, d.Vt) {
				t.Errorf("%v %s: a second time gives other factors (%v)", c, m, err)
			}
		}
	}
	if Auto.randomized(10, 59, 100) || !Auto.randomized(10, 60, 100) {
		t.Error("auto chooses products from a sixth of the shorter side down")
	}
}
