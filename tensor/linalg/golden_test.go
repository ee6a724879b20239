package linalg

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"testing"
)

type golden struct {
	SVD []struct {
		Name       string
		Rows, Cols int
		Exact      bool
		A, S       []float64
		U0, V0     []float64 // first singular vectors
	}
	Symmetric []struct {
		Name            string
		N               int
		A, Values, Last []float64
	}
}

func readGolden(t *testing.T) (g golden) {
	raw, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

// closeTo compares with a bound relative to whole, or to each number where
// whole is zero.
func closeTo(t *testing.T, what string, got, want []float64, bound, whole float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", what, len(got), len(want))
	}
	for k, w := range want {
		against := whole
		if whole == 0 {
			against = math.Abs(w)
		}
		if !(math.Abs(got[k]-w) <= bound*against) {
			t.Errorf("%s [%d] is %v, the reference gives %v", what, k, got[k], w)
		}
	}
}

// TestGoldenSVD: LAPACK's values to rounding, and where one-sided Jacobi ran,
// the exact ones to many digits in each, however small.
func TestGoldenSVD(t *testing.T) {
	for _, c := range readGolden(t).SVD {
		d, err := Decompose(context.Background(), c.A, c.Rows, c.Cols)
		if err != nil {
			t.Fatal(err)
		}
		values, err := SingularValues(context.Background(), c.A, c.Rows, c.Cols)
		if err != nil {
			t.Fatal(err)
		}
		bound, whole := 4e-15, c.S[0]
		if c.Exact {
			bound, whole = 1e-13, 0
		}
		closeTo(t, c.Name+" S", d.S, c.S, bound, whole)
		closeTo(t, c.Name+" values", values, c.S, bound, whole)
		u := make([]float64, c.Rows)
		for i := range u {
			u[i] = d.U.At(i, 0)
		}
		closeTo(t, c.Name+" first U", u, c.U0, 1e-13, 1)
		closeTo(t, c.Name+" first V", d.Vt.Row(0), c.V0, 1e-13, 1)
	}
}

func TestGoldenSymmetric(t *testing.T) {
	for _, c := range readGolden(t).Symmetric {
		e, err := Symmetric(context.Background(), c.A, c.N)
		if err != nil {
			t.Fatal(err)
		}
		whole := max(math.Abs(c.Values[0]), math.Abs(c.Values[c.N-1]))
		closeTo(t, c.Name+" values", e.Values, c.Values, 4e-15, whole)
		closeTo(t, c.Name+" last vector", e.Vectors.Row(c.N-1), c.Last, 1e-12, 1)
	}
}
