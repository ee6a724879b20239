package linalg

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
)

// TestDecompose: product, orthogonality, order and signs, for tall, wide,
// single-row, rank-deficient and zero matrices.
func TestDecompose(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, shape := range [][2]int{{1, 1}, {1, 7}, {7, 1}, {12, 5}, {5, 12}, {20, 20}} {
		for _, kind := range []string{"random", "rank one", "zero"} {
			m, n := shape[0], shape[1]
			a := make([]float32, m*n)
			for i := range m {
				for j := range n {
					switch kind {
					case "random":
						a[i*n+j] = float32(r.NormFloat64())
					case "rank one":
						a[i*n+j] = float32((i + 1) * (j - 2))
					}
				}
			}
			d, err := Decompose(a, m, n)
			if err != nil {
				t.Fatal(err)
			}
			k := min(m, n)
			got := make([]float32, m*n)
			d.Product(got, k)
			for i := range a {
				if math.Abs(float64(got[i]-a[i])) > 1e-5*(1+d.S[0]) {
					t.Fatalf("%v %s: [%d] = %v, want %v", shape, kind, i, got[i], a[i])
				}
			}
			for p := range k {
				if p > 0 && d.S[p] > d.S[p-1] {
					t.Errorf("%v %s: singular values out of order", shape, kind)
				}
				for q := range k {
					var dot float64
					for i := range m {
						dot += d.U.At(i, p) * d.U.At(i, q)
					}
					want := 0.0
					if p == q {
						want = 1
					}
					if math.Abs(dot-want) > 1e-12 {
						t.Errorf("%v %s: columns %d and %d of U have the product %v", shape, kind, p, q, dot)
					}
				}
			}
		}
	}
}

// TestSingularValues holds a Hilbert matrix to values that numpy gives.
func TestSingularValues(t *testing.T) {
	const n = 4
	a := make([]float32, n*n)
	for i := range n {
		for j := range n {
			a[i*n+j] = float32(1 / float64(i+j+1))
		}
	}
	d, err := Decompose(a, n, n)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{1.500214280, 0.169141220, 0.006738274, 0.000096702} {
		if math.Abs(d.S[i]-want) > 1e-7 {
			t.Errorf("singular value %d is %v, numpy gives %v", i, d.S[i], want)
		}
	}
	if e := d.Energy(1); math.Abs(e-0.98742) > 1e-4 {
		t.Errorf("energy %v", e)
	}
}

func TestNotFinite(t *testing.T) {
	for _, bad := range []float64{math.NaN(), math.Inf(1)} {
		if _, err := Decompose([]float32{1, float32(bad)}, 1, 2); !errors.Is(err, ErrNotFinite) {
			t.Errorf("got %v", err)
		}
	}
}
