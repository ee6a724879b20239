package linalg

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// rectangularCases are m x n matrices that the SVD finds easy and hard.
func rectangularCases(m, n int) map[string][]float64 {
	r := rand.New(rand.NewPCG(uint64(m), uint64(n)))
	cases := map[string][]float64{}
	fill := func(name string, f func(i, j int) float64) {
		a := make([]float64, m*n)
		for i := range m {
			for j := range n {
				a[i*n+j] = f(i, j)
			}
		}
		cases[name] = a
	}
	span := float64(m + n)
	fill("random", func(i, j int) float64 { return r.NormFloat64() })
	fill("huge", func(i, j int) float64 { return 1e300 * r.Float64() })
	fill("tiny", func(i, j int) float64 { return 1e-300 * r.Float64() })
	fill("zero", func(i, j int) float64 { return 0 })
	fill("identity", func(i, j int) float64 { return map[bool]float64{true: 1}[i == j] })
	fill("ones", func(i, j int) float64 { return 1 })
	fill("hilbert", func(i, j int) float64 { return 1 / float64(i+j+1) })
	fill("graded", func(i, j int) float64 { return r.NormFloat64() * math.Pow(10, -20*float64(i+j)/span) })
	fill("graded up", func(i, j int) float64 { return r.NormFloat64() * math.Pow(10, 20*float64(i+j)/span-20) })
	fill("graded far", func(i, j int) float64 { return r.NormFloat64() * math.Pow(10, -600*float64(i+j)/span) })
	fill("bidiagonal", func(i, j int) float64 { return map[int]float64{0: 1, 1: 1}[j-i] })
	fill("sparse rows", func(i, j int) float64 { return float64(i%3) * r.NormFloat64() })
	u := make([]float64, 2*(m+n))
	for i := range u {
		u[i] = r.NormFloat64()
	}
	fill("rank two", func(i, j int) float64 { return u[i]*u[m+j] - 1e-3*u[m+n+i]*u[m+n+m+j] })
	fill("clustered", func(i, j int) float64 {
		v := u[i] * u[m+j] * 1e-12
		if i == j {
			v += float64(i % 3)
		}
		return v
	})
	return cases
}

// offIdentity is |Q Q' - I| in the Frobenius norm for the r x n matrix q, or
// |Q' Q - I| when transposed.
func offIdentity(q Matrix, transposed bool) float64 {
	r, n := q.Rows, q.Cols
	if transposed {
		r, n = n, r
	}
	gram := make([]float64, r*r)
	_ = newJob(context.Background()).multiply(transposed, !transposed, r, r, n, 1, q.Data, q.Cols, q.Data, q.Cols, 0, gram, r)
	off := 0.0
	for i := range r {
		gram[i*r+i]--
	}
	for _, v := range gram {
		off += v * v
	}
	return math.Sqrt(off)
}

// residualOf is |A - U S Vt| / |A| in the Frobenius norm.
func residualOf(a []float64, d *SVD) float64 {
	m, n, r := d.U.Rows, d.Vt.Cols, len(d.S)
	largest := 1e-320
	for _, v := range a {
		largest = max(largest, math.Abs(v))
	}
	scaled, product := NewMatrix(m, r), make([]float64, m*n)
	for i := range m {
		for k, v := range d.U.Row(i) {
			scaled.Data[i*r+k] = v * (d.S[k] / largest)
		}
	}
	_ = newJob(context.Background()).multiply(false, false, m, n, r, 1, scaled.Data, r, d.Vt.Data, n, 0, product, n)
	var diff, norm float64
	for i, v := range a {
		v /= largest
		diff += (v - product[i]) * (v - product[i])
		norm += v * v
	}
	return math.Sqrt(diff) / max(math.Sqrt(norm), 1e-300)
}

func TestDecompose(t *testing.T) {
	shapes := [][2]int{{1, 1}, {1, 9}, {9, 1}, {2, 2}, {5, 3}, {24, 24}, {60, 20}, {25, 25}, {33, 33}, {70, 66}, {66, 70}, {100, 100}, {150, 60}, {60, 150}, {141, 130}}
	for _, shape := range shapes {
		m, n := shape[0], shape[1]
		for name, a := range rectangularCases(m, n) {
			t.Run(fmt.Sprint(name, " ", m, "x", n), func(t *testing.T) { checkSVD(t, a, m, n) })
		}
	}
}

func checkSVD(t *testing.T, a []float64, m, n int) {
	d, err := Decompose(context.Background(), a, m, n)
	if err != nil {
		t.Fatal(err)
	}
	if r := residualOf(a, d); r > 1e-13 {
		t.Errorf("residual %.3g", r)
	}
	if u, v := offIdentity(d.U, true), offIdentity(d.Vt, false); u > 1e-13 || v > 1e-13 {
		t.Errorf("orthogonality %.3g of U, %.3g of V", u, v)
	}
	values, err := SingularValues(context.Background(), a, m, n)
	if err != nil {
		t.Fatal(err)
	}
	for k, s := range d.S {
		if s < 0 || k > 0 && s > d.S[k-1] {
			t.Errorf("singular value %d is %v after %v", k, s, d.S[max(k-1, 0)])
		}
		if math.Abs(s-values[k]) > 1e-13*d.S[0] {
			t.Errorf("singular value %d is %v with vectors, %v without", k, s, values[k])
		}
		column := make([]float64, m)
		for i := range column {
			column[i] = d.U.At(i, k)
		}
		if signOf(column) < 0 {
			t.Errorf("singular vector %d has the wrong sign", k)
		}
	}
}

func TestDecomposeFloat32(t *testing.T) {
	const m, n = 90, 70
	wide := rectangularCases(m, n)["random"]
	a := make([]float32, m*n)
	for i, v := range wide {
		a[i] = float32(v)
		wide[i] = float64(a[i])
	}
	d, err := Decompose(context.Background(), a, m, n)
	if err != nil {
		t.Fatal(err)
	}
	if r := residualOf(wide, d); r > 1e-13 {
		t.Errorf("residual %.3g", r)
	}
	got := make([]float32, m*n)
	if err := d.Product(context.Background(), got, n); err != nil {
		t.Fatal(err)
	}
	var diff, norm float64
	for i, v := range a {
		diff += float64(v-got[i]) * float64(v-got[i])
		norm += float64(v) * float64(v)
	}
	if r := math.Sqrt(diff / norm); r > 1e-6 {
		t.Errorf("residual of the float32 product %.3g", r)
	}
}

func TestEmpty(t *testing.T) {
	for _, shape := range [][2]int{{0, 0}, {0, 5}, {5, 0}} {
		d, err := Decompose(context.Background(), []float32{}, shape[0], shape[1])
		if err != nil {
			t.Fatal(err)
		}
		if d.U.Rows != shape[0] || d.Vt.Cols != shape[1] || len(d.S) != 0 {
			t.Errorf("%v: U %d x %d, Vt %d x %d, %d values", shape, d.U.Rows, d.U.Cols, d.Vt.Rows, d.Vt.Cols, len(d.S))
		}
		if s, err := SingularValues(context.Background(), []float32{}, shape[0], shape[1]); err != nil || len(s) != 0 {
			t.Errorf("%v: values %v, %v", shape, s, err)
		}
	}
	if e, err := Symmetric(context.Background(), []float64{}, 0); err != nil || len(e.Values) != 0 {
		t.Errorf("%v, %v", e, err)
	}
}

func TestNotFinite(t *testing.T) {
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		if _, err := Decompose(context.Background(), []float32{1, float32(bad)}, 1, 2); !errors.Is(err, ErrNotFinite) {
			t.Errorf("got %v", err)
		}
		if _, err := Symmetric(context.Background(), []float64{1, 2, 2, bad}, 2); !errors.Is(err, ErrNotFinite) {
			t.Errorf("got %v", err)
		}
	}
}

func TestSizes(t *testing.T) {
	for _, shape := range [][2]int{{math.MaxInt / 2, 4}, {-1, 0}, {2, 2}, {math.MaxInt, math.MaxInt}} {
		if _, err := Decompose(context.Background(), []float32{1}, shape[0], shape[1]); err == nil {
			t.Errorf("%v was taken", shape)
		}
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	a := rectangularCases(80, 80)["random"]
	if _, err := Decompose(ctx, a, 80, 80); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := Symmetric(ctx, a, 80); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
