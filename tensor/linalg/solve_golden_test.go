package linalg

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"
)

type solveGolden struct {
	SPD []struct {
		Name                 string
		N                    int
		A, L, Inverse, Upper []float64
	}
	QR []struct {
		Name       string
		Rows, Cols int
		A, Q, R    []float64
	}
	Least []struct {
		Name                  string
		Rows, Cols, RHS, Rank int
		A, B, X, Pinv, Ridge  []float64
		Damping               float64
	}
	Procrustes []struct {
		Rows, Cols int
		A, B, Q    []float64
		Scale      float64
	}
	Assignment []struct {
		Name              string
		Rows, Cols        int
		Cost              []float64
		Unique            bool
		Least, Most       []int
		LeastSum, MostSum float64
	}
}

func readSolveGolden(t *testing.T) (g solveGolden) {
	raw, err := os.ReadFile("testdata/solve.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

// agree compares with a bound relative to the largest number wanted.
func agree[T float](t *testing.T, what string, got []T, want []float64, bound float64) {
	t.Helper()
	closeTo(t, what, convertTo[float64](got), want, bound, largestOf(want))
}

func largestOf(x []float64) (m float64) {
	for _, v := range x {
		m = max(m, math.Abs(v))
	}
	return m
}

func TestGoldenSolvers(t *testing.T) {
	t.Run("float64", func(t *testing.T) { testGoldenSolvers[float64](t, 1e-13) })
	t.Run("float32", func(t *testing.T) { testGoldenSolvers[float32](t, 1e-6) })
}

// testGoldenSolvers allows the rounding error times the condition number of
// what a result depends on.
func testGoldenSolvers[T float](t *testing.T, bound float64) {
	ctx, g := context.Background(), readSolveGolden(t)
	for _, c := range g.SPD {
		condition := largestOf(c.A) * largestOf(c.Inverse) * float64(c.N)
		l := convertTo[T](c.A)
		noError(t, Cholesky(ctx, l, c.N))
		agree(t, c.Name+" L", l, c.L, bound*math.Sqrt(condition))
		noError(t, CholeskyInverse(ctx, l, c.N))
		agree(t, c.Name+" inverse", l, c.Inverse, bound*condition)
		u := convertTo[T](c.A)
		noError(t, InverseFactor(ctx, u, c.N))
		agree(t, c.Name+" factor of the inverse", u, c.Upper, bound*condition)
	}
	for _, c := range g.QR {
		f, err := QR(ctx, convertTo[T](c.A), c.Rows, c.Cols)
		noError(t, err)
		q, err := f.Q(ctx)
		noError(t, err)
		agree(t, c.Name+" Q", q, c.Q, 4*bound)
		agree(t, c.Name+" R", f.R, c.R, 4*bound)
	}
	for _, c := range g.Procrustes {
		q, scale, err := Procrustes(ctx, convertTo[T](c.A), convertTo[T](c.B), c.Rows, c.Cols)
		noError(t, err)
		agree(t, "Procrustes", q, c.Q, 10*bound)
		closeTo(t, "scale", []float64{scale}, []float64{c.Scale}, bound, 0)
	}
	for _, c := range g.Least {
		condition := largestOf(c.A) * largestOf(c.Pinv) * float64(c.Rows+c.Cols)
		x, rank, err := LeastSquares(ctx, convertTo[T](c.A), convertTo[T](c.B), c.Rows, c.Cols, c.RHS)
		noError(t, err)
		if rank != c.Rank {
			t.Errorf("%s: rank %d, LAPACK finds %d", c.Name, rank, c.Rank)
		}
		agree(t, c.Name, x, c.X, bound*condition)
		p, err := PseudoInverse(ctx, convertTo[T](c.A), c.Rows, c.Cols, 0)
		noError(t, err)
		agree(t, c.Name+" pseudo-inverse", p, c.Pinv, bound*condition)
		r, err := PseudoInverse(ctx, convertTo[T](c.A), c.Rows, c.Cols, c.Damping)
		noError(t, err)
		agree(t, c.Name+" ridge", r, c.Ridge, 100*bound)
	}
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestGoldenAssign: the sums of scipy, its choice where there is but one, and
// a matching always.
func TestGoldenAssign(t *testing.T) {
	for _, c := range readSolveGolden(t).Assignment {
		for _, maximise := range []bool{false, true} {
			want, sum := c.Least, c.LeastSum
			if maximise {
				want, sum = c.Most, c.MostSum
			}
			got, total, err := Assign(context.Background(), c.Cost, c.Rows, c.Cols, maximise)
			noError(t, err)
			if math.Abs(total-sum) > 1e-12*(1+math.Abs(sum)) {
				t.Errorf("%s, maximise %v: sum %v, scipy finds %v", c.Name, maximise, total, sum)
			}
			if c.Unique && !slices.Equal(got, want) {
				t.Errorf("%s, maximise %v: %v, scipy finds %v", c.Name, maximise, got, want)
			}
			checkMatching(t, c.Name, got, c.Rows, c.Cols)
		}
	}
}

func checkMatching(t *testing.T, name string, column []int, rows, cols int) {
	t.Helper()
	seen := map[int]bool{}
	for _, c := range column {
		if c >= 0 && seen[c] || c >= cols {
			t.Errorf("%s: %v is not a matching", name, column)
		}
		if c >= 0 {
			seen[c] = true
		}
	}
	if len(column) != rows || len(seen) != min(rows, cols) {
		t.Errorf("%s: %d pairs among %d rows, want %d", name, len(seen), len(column), min(rows, cols))
	}
}
