package linalg

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"runtime"
	"slices"
	"testing"
)

// solvers of one type by name, each on an m x n matrix and its own copy.
func allSolvers[T float](ctx context.Context) map[string]func(a []T, m, n int) (any, error) {
	in := func(f func(a []T, n int) error) func(a []T, m, n int) (any, error) {
		return func(a []T, m, n int) (any, error) {
			g := slices.Clone(a)
			return g, f(g, n)
		}
	}
	return map[string]func(a []T, m, n int) (any, error){
		"cholesky": in(func(a []T, n int) error { return Cholesky(ctx, a, n) }),
		"factor":   in(func(a []T, n int) error { return InverseFactor(ctx, a, n) }),
		"invert":   in(func(a []T, n int) error { return InvertTriangular(ctx, true, a, n) }),
		"inverse":  in(func(a []T, n int) error { return CholeskyInverse(ctx, a, n) }),
		"solve":    in(func(a []T, n int) error { return SolveTriangular(ctx, Triangle{}, slices.Clone(a), a, n, n) }),
		"right":    in(func(a []T, n int) error { return CholeskySolve(ctx, slices.Clone(a), n, a, n) }),
		"qr":       func(a []T, m, n int) (any, error) { return QR(ctx, a, m, n) },
		"least":    func(a []T, m, n int) (any, error) { x, _, err := LeastSquares(ctx, a, a, m, n, n); return x, err },
		"pinv":     func(a []T, m, n int) (any, error) { return PseudoInverse(ctx, a, m, n, 0) },
		"damped":   func(a []T, m, n int) (any, error) { return PseudoInverse(ctx, a, m, n, 0.1) },
		"rotate":   func(a []T, m, n int) (any, error) { q, _, err := Procrustes(ctx, a, a, m, n); return q, err },
		"assign":   func(a []T, m, n int) (any, error) { c, _, err := Assign(ctx, a, m, n, true); return c, err },
		"sketch": func(a []T, m, n int) (any, error) {
			return RandomizedSVD(ctx, convertTo[float32](a), m, n, sketch(9, 2))
		},
		"range": func(a []T, m, n int) (any, error) {
			q, _, err := FindRange(ctx, convertTo[float32](a), m, n, sketch(9, 2))
			return q, err
		},
	}
}

// TestSolverWorkers: one, two and three workers give the same bits.
func TestSolverWorkers(t *testing.T) {
	t.Run("float32", testWorkers[float32])
	t.Run("float64", testWorkers[float64])
}

func testWorkers[T float](t *testing.T) {
	const n = 330
	a := spdCases[T](n)["random"]
	for name, f := range allSolvers[T](context.Background()) {
		var want any
		for workers := 1; workers <= 3; workers++ {
			got := func() any {
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(workers))
				got, err := f(a, n, n)
				noError(t, err)
				return got
			}()
			if workers > 1 && !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %d workers give other bits", name, workers)
			}
			want = got
		}
	}
}

// TestRefusals: NaN, Inf and wrong sizes are errors everywhere, and so is a
// context that has ended.
func TestRefusals(t *testing.T) {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	ctx := context.Background()
	for name, f := range allSolvers[float64](ctx) {
		for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
			a := identity(4)
			a[5] = bad
			if _, err := f(a, 4, 4); !errors.Is(err, ErrNotFinite) {
				t.Errorf("%s with %v: %v", name, bad, err)
			}
		}
		for _, n := range []int{-1, 3, 5, math.MaxInt / 2, math.MaxInt} {
			if _, err := f(identity(4), n, n); err == nil {
				t.Errorf("%s takes 16 elements for %d x %d", name, n, n)
			}
		}
		if _, err := f(nil, 0, 0); err != nil {
			t.Errorf("%s of nothing: %v", name, err)
		}
		if _, err := f([]float64{2}, 1, 1); err != nil {
			t.Errorf("%s of a number: %v", name, err)
		}
		if _, err := allSolvers[float64](ended)[name](identity(70), 70, 70); !errors.Is(err, context.Canceled) {
			t.Errorf("%s when cancelled: %v", name, err)
		}
	}
}

// TestBreakdown: pivots are named with their place and value.
func TestBreakdown(t *testing.T) {
	const n = 150
	ctx := context.Background()
	for _, at := range []int{0, 63, 64, 100, 149} {
		for name, f := range map[string]func(context.Context, []float64, int) error{"Cholesky": Cholesky[float64], "InverseFactor": InverseFactor[float64]} {
			a := identity(n)
			a[at*n+at] = -2
			pivot, ok := errors.AsType[*NotPositiveDefiniteError](f(ctx, a, n))
			if !ok || pivot.Index != at || pivot.Value != -2 {
				t.Errorf("%s with -2 at %d: %+v", name, at, pivot)
			}
		}
		a := identity(n)
		a[at*n+at] = 0
		for name, err := range map[string]error{"solve": SolveTriangular(ctx, Triangle{}, a, identity(n), n, n), "invert": InvertTriangular(ctx, true, a, n)} {
			singular, ok := errors.AsType[*SingularError](err)
			if !ok || singular.Index != at {
				t.Errorf("%s with 0 at %d: %v", name, at, err)
			}
		}
	}
	if err := Cholesky(ctx, make([]float32, 9), 3); fmt.Sprint(err) != "the matrix is not positive definite: pivot 0 is 0 (raise the damping)" {
		t.Errorf("got %v", err)
	}
}

func TestDamp(t *testing.T) {
	a := []float64{1, 5, 5, 3}
	if added := Damp(a, 2, 0.5); added != 1 || a[0] != 2 || a[3] != 4 || a[1] != 5 {
		t.Errorf("added %v: %v", added, a)
	}
}

// TestLeastSquaresDeficient: with dependent columns the solution is the one of
// least norm, whatever the shape.
func TestLeastSquaresDeficient(t *testing.T) {
	for _, shape := range qrShapes {
		m, n := shape[0], shape[1]
		for name, a := range rectangularCases(m, n) {
			if name != "rank two" && name != "ones" && name != "zero" && name != "sparse rows" {
				continue
			}
			b := normal(m, 3)
			x, rank, err := LeastSquares(context.Background(), a, b, m, n, 3)
			noError(t, err)
			p, err := PseudoInverse(context.Background(), a, m, n, 0)
			noError(t, err)
			want := multiplied(false, false, n, 3, m, p, b)
			if d := distance(x, want); !(d <= 1e-12*norm(p)*norm(b)*math.Max(1, norm(a)*norm(p))) {
				t.Errorf("%s %v (rank %d): %.3g away from the pseudo-inverse's", name, shape, rank, d)
			}
			checkPenrose(t, fmt.Sprint(name, shape), a, p, m, n)
		}
	}
}

// checkPenrose checks Penrose's four conditions.
func checkPenrose(t *testing.T, what string, a, p []float64, m, n int) {
	t.Helper()
	ap, pa := multiplied(false, false, m, m, n, a, p), multiplied(false, false, n, n, m, p, a)
	condition := math.Max(1, norm(a)*norm(p))
	transposed := func(x []float64, n int) []float64 {
		y := make([]float64, n*n)
		transpose(y, n, x, n, n, n)
		return y
	}
	for law, d := range map[string]float64{
		"APA = A":    distance(multiplied(false, false, m, n, m, ap, a), a) / math.Max(norm(a), 1e-300),
		"PAP = P":    distance(multiplied(false, false, n, m, n, pa, p), p) / math.Max(norm(p), 1e-300),
		"(AP)' = AP": distance(transposed(ap, m), ap),
		"(PA)' = PA": distance(transposed(pa, n), pa),
	} {
		if !(d <= 1e-13*condition) {
			t.Errorf("%s: %s fails by %.3g (condition %.3g)", what, law, d, condition)
		}
	}
}

// TestAssignLaws: adding to a row or a column changes the sum and not the
// choice, and a hidden permutation is found.
func TestAssignLaws(t *testing.T) {
	const n = 120
	ctx, cost := context.Background(), normal(n, n)
	first, _, err := Assign(ctx, cost, n, n, false)
	noError(t, err)
	for i := range cost {
		cost[i] += float64(i/n%7) - float64(i%n%5)
	}
	second, _, err := Assign(ctx, cost, n, n, false)
	noError(t, err)
	if !reflect.DeepEqual(first, second) {
		t.Error("prices changed the choice")
	}
	for i := range n {
		cost[i*n+(i*7+3)%n] += 100
	}
	hidden, _, err := Assign(ctx, cost, n, n, true)
	noError(t, err)
	for i, c := range hidden {
		if c != (i*7+3)%n {
			t.Errorf("row %d has column %d", i, c)
		}
	}
}
