package linalg

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/rouxml/roux/tensor/kernel/cpu"
)

// multiplied is op(A) op(B) in float64, m x n.
func multiplied[T float](transA, transB bool, m, n, k int, a, b []T) []float64 {
	lda, ldb, c := k, n, make([]float64, m*n)
	if transA {
		lda = m
	}
	if transB {
		ldb = k
	}
	product(transA, transB, m, n, k, 1, convertTo[float64](a), lda, convertTo[float64](b), ldb, 0, c, n, newJob(context.Background()))
	return c
}

// distance is the Frobenius norm of got - want.
func distance[T float](got, want []T) float64 {
	d := convertTo[float64](got)
	for i, v := range want {
		d[i] -= float64(v)
	}
	return euclid(d)
}

func identity(n int) []float64 {
	a := make([]float64, n*n)
	for i := range n {
		a[i*n+i] = 1
	}
	return a
}

func norm[T float](a []T) float64 { return euclid(convertTo[float64](a)) }

func finiteIn[T float](a []float64) bool { return finite(convertTo[T](a)) }

// TestForward holds the vector loops to the bits of their scalar twin.
func TestForward(t *testing.T) {
	for _, level := range cpu.Levels() {
		t.Run(level.String(), func(t *testing.T) {
			defer cpu.Force(level)()
			r := rand.New(rand.NewPCG(5, 6))
			for n := 1; n <= solveLeaf; n++ {
				offset := n % 7
				l, x := newGuarded(r, n*n, offset), newGuarded(r, n*lanes, offset+1)
				want := slices.Clone(x.data)
				forwardGo(n, l.data, want)
				forward(n, l.data, x.data)
				l.check(t, offset)
				x.check(t, offset+1)
				if !slices.Equal(x.data, want) {
					t.Fatalf("n = %d differs from the scalar twin", n)
				}
			}
		})
	}
}

var qrShapes = [][2]int{{1, 1}, {1, 9}, {9, 1}, {8, 8}, {24, 9}, {9, 24}, {70, 66}, {140, 135}, {300, 140}, {140, 300}}

func TestQR(t *testing.T) {
	for _, shape := range qrShapes {
		for name, a := range rectangularCases(shape[0], shape[1]) {
			what := fmt.Sprint(name, " ", shape)
			checkQR[float64](t, what, a, shape[0], shape[1], 1e-13)
			bound := 1e-6
			if name == "ones" { // every rounding of a float32 sum goes the same way
				bound = max(bound, float64(shape[0]+shape[1])*0x1p-24)
			}
			if finiteIn[float32](a) {
				checkQR[float32](t, what+" float32", a, shape[0], shape[1], bound)
			}
		}
	}
}

func checkQR[T float](t *testing.T, what string, wide []float64, m, n int, bound float64) {
	t.Helper()
	ctx, a, k := context.Background(), convertTo[T](wide), min(m, n)
	f, err := QR(ctx, a, m, n)
	noError(t, err)
	q, err := f.Q(ctx)
	noError(t, err)
	for i := range k {
		if f.R[i*n+i] < 0 || norm(f.R[i*n:i*n+i]) != 0 {
			t.Errorf("%s: row %d of R", what, i)
		}
	}
	if d := distance(multiplied(false, false, m, n, k, q, f.R), convertTo[float64](a)); !(d <= bound*norm(a)) {
		t.Errorf("%s: QR is %.3g of A away", what, d/norm(a))
	}
	if d := distance(multiplied(true, false, k, k, m, q, q), identity(k)); !(d <= bound*math.Sqrt(float64(k))) {
		t.Errorf("%s: Q'Q is %.3g away from I", what, d)
	}
	c := slices.Clone(a)
	noError(t, f.Apply(ctx, true, c, n))
	whole := make([]T, m*n)
	copy(whole, f.R)
	if d := distance(c, whole); !(d <= 2*bound*norm(a)) {
		t.Errorf("%s: Q'A is %.3g of A away from R", what, d/norm(a))
	}
	noError(t, f.Apply(ctx, false, c, n))
	if d := distance(c, a); !(d <= 2*bound*norm(a)) {
		t.Errorf("%s: QQ'A is %.3g of A away from A", what, d/norm(a))
	}
}

// spdCases are positive definite n x n matrices, to the precision of T.
func spdCases[T float](n int) map[string][]T {
	r := rand.New(rand.NewPCG(uint64(n), 3))
	eps, cases := precision[T](), map[string][]T{}
	x := make([]float64, n*n)
	for i := range x {
		x[i] = r.NormFloat64()
	}
	gram := multiplied(false, true, n, n, n, x, x)
	add := func(name string, f func(i, j int) float64) {
		a := make([]T, n*n)
		for i := range n {
			for j := range n {
				a[i*n+j] = T(f(i, j))
			}
			a[i*n+i] *= T(1 + 20*float64(n)*eps)
		}
		cases[name] = a
	}
	grade := func(i int) float64 { return math.Pow(10, -8*float64(i)/float64(n)) }
	add("random", func(i, j int) float64 { return gram[i*n+j] })
	add("graded", func(i, j int) float64 { return gram[i*n+j] * grade(i) * grade(j) })
	add("graded up", func(i, j int) float64 { return gram[i*n+j] * grade(n-1-i) * grade(n-1-j) })
	add("hilbert", func(i, j int) float64 {
		return 1/float64(i+j+1) + map[bool]float64{true: 100 * eps * float64(n)}[i == j]
	})
	add("clustered", func(i, j int) float64 { return gram[i*n+j]*1e-9 + map[bool]float64{true: float64(1 + i%3)}[i == j] })
	return cases
}

func TestCholesky(t *testing.T) {
	for _, n := range []int{1, 2, 7, 64, 65, 130, 300} {
		checkCholesky[float64](t, n, 1e-13)
		checkCholesky[float32](t, n, 1e-6)
	}
}

func checkCholesky[T float](t *testing.T, n int, bound float64) {
	ctx := context.Background()
	for name, a := range spdCases[T](n) {
		what := fmt.Sprintf("%s %d %T", name, n, a[0])
		l := slices.Clone(a)
		for i := range n {
			for j := i + 1; j < n; j++ {
				l[i*n+j] = T(math.NaN()) // the upper triangle is not read
			}
		}
		noError(t, Cholesky(ctx, l, n))
		if d := distance(multiplied(false, true, n, n, n, l, l), convertTo[float64](a)); !(d <= bound*norm(a)) {
			t.Errorf("%s: LL' is %.3g of A away", what, d/norm(a))
		}
		x := slices.Clone(l)
		noError(t, CholeskySolve(ctx, l, n, x, n))
		r := distance(multiplied(false, false, n, n, n, a, x), convertTo[float64](l))
		if !(r <= bound*norm(a)*norm(x)) {
			t.Errorf("%s: AX is %.3g away from B", what, r/norm(a)/norm(x))
		}
		inverse := slices.Clone(l)
		noError(t, CholeskyInverse(ctx, inverse, n))
		if d := distance(multiplied(false, false, n, n, n, a, inverse), identity(n)); !(d <= bound*norm(a)*norm(inverse)) {
			t.Errorf("%s: A times its inverse is %.3g away from I", what, d/norm(a)/norm(inverse))
		}
		u := slices.Clone(a)
		noError(t, InverseFactor(ctx, u, n))
		square := multiplied(true, false, n, n, n, u, u)
		if d := distance(multiplied(false, false, n, n, n, convertTo[float64](a), square), identity(n)); !(d <= bound*norm(a)*norm(square)) {
			t.Errorf("%s: A times U'U is %.3g away from I", what, d/norm(a)/norm(square))
		}
		for i := 1; i < n; i++ {
			if norm(u[i*n:i*n+i]) != 0 {
				t.Errorf("%s: row %d of U is not zero below the diagonal", what, i)
			}
		}
	}
}

func TestSolveTriangular(t *testing.T) {
	for _, kind := range []Triangle{{}, {Trans: true}, {Upper: true}, {Upper: true, Trans: true},
		{Right: true}, {Right: true, Trans: true}, {Right: true, Upper: true}, {Right: true, Upper: true, Trans: true}} {
		for _, shape := range [][2]int{{1, 1}, {5, 40}, {64, 33}, {65, 1}, {200, 70}, {330, 100}} {
			checkSolve[float64](t, kind, shape[0], shape[1], 1e-13)
			checkSolve[float32](t, kind, shape[0], shape[1], 1e-6)
		}
	}
}

// checkSolve takes T from a graded and a random matrix; NaN fills the triangle
// that must not be read.
func checkSolve[T float](t *testing.T, kind Triangle, n, others int, bound float64) {
	t.Helper()
	ctx := context.Background()
	rows, cols := n, others
	if kind.Right {
		rows, cols = others, n
	}
	b := convertTo[T](rectangularCases(rows, cols)["random"])
	for name, l := range spdCases[T](n) {
		noError(t, Cholesky(ctx, l, n))
		clean := slices.Clone(l)
		if kind.Upper {
			transpose(clean, n, l, n, n, n)
		}
		x := slices.Clone(b)
		noError(t, SolveTriangular(ctx, kind, poisoned(clean, n, kind.Upper), x, rows, cols))
		var back []float64
		if kind.Right {
			back = multiplied(false, kind.Trans, rows, cols, n, x, clean)
		} else {
			back = multiplied(kind.Trans, false, rows, cols, n, clean, x)
		}
		if d := distance(back, convertTo[float64](b)); !(d <= bound*norm(clean)*norm(x)) {
			t.Errorf("%+v %s %d x %d: %.3g", kind, name, n, others, d/norm(clean)/norm(x))
		}
	}
}

func poisoned[T float](a []T, n int, upper bool) []T {
	a = slices.Clone(a)
	for i := range n {
		for j := range n {
			if upper && j < i || !upper && j > i {
				a[i*n+j] = T(math.NaN())
			}
		}
	}
	return a
}
