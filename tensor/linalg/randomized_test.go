package linalg

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/rouxml/roux/tensor/rng"
)

// spectrum is U diag(values) V' with random orthonormal U, m x r, and V, n x r.
func spectrum(t *testing.T, m, n int, values []float64) []float32 {
	t.Helper()
	basis := func(rows int) []float64 {
		f, err := QR(context.Background(), normal(rows, len(values)), rows, len(values))
		noError(t, err)
		q, err := f.Q(context.Background())
		noError(t, err)
		return q
	}
	u, v := basis(m), basis(n)
	for i := range u {
		u[i] *= values[i%len(values)]
	}
	return convertTo[float32](multiplied(false, true, m, n, len(values), u, v))
}

func powers(n int, base float64) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = math.Pow(base, float64(i))
	}
	return v
}

func (r *LowRank) multiplied(rows, cols int) []float64 {
	scaled := convertTo[float64](r.U)
	for i := range scaled {
		scaled[i] *= r.S[i%r.Rank]
	}
	return multiplied(false, false, rows, cols, r.Rank, scaled, convertTo[float64](r.Vt))
}

func sketch(rank, steps int) Sketch {
	return Sketch{Rank: rank, PowerSteps: steps, Key: rng.NewKey(7, "test", "", "layer.0", "")}
}

// TestRandomizedSVD: against the full decomposition, for flat, decaying and
// deficient spectra, tall and wide. Two power steps leave the leading half of the
// values within two percent in a slow decay, within two in a thousand in others;
// what the rest misses shows in the Frobenius norm of the error.
func TestRandomizedSVD(t *testing.T) {
	spectra := map[string][]float64{
		"fast": powers(60, 0.7), "slow": powers(60, 0.97), "rank ten": powers(10, 0.9),
		"steep": powers(40, 0.1), "clustered": slices.Concat(slices.Repeat([]float64{1}, 12), powers(30, 0.5)),
	}
	for name, values := range spectra {
		for _, shape := range [][2]int{{200, 90}, {90, 200}} {
			for _, rank := range []int{1, 8, 20} {
				m, n := shape[0], shape[1]
				a := spectrum(t, m, n, values)
				t.Run(fmt.Sprint(name, shape, rank), func(t *testing.T) {
					checkRandomized(t, a, m, n, rank, map[bool]float64{true: 0.02, false: 2e-3}[name == "slow"])
				})
			}
		}
	}
}

func checkRandomized(t *testing.T, a []float32, m, n, rank int, close float64) {
	ctx := context.Background()
	got, err := RandomizedSVD(ctx, a, m, n, sketch(rank, 2))
	noError(t, err)
	full, err := Decompose(ctx, a, m, n)
	noError(t, err)
	for i, s := range got.S {
		if rounding := 1e-6 * full.S[0]; s > full.S[i]+rounding || 2*i < rank && s < full.S[i]*(1-close)-rounding {
			t.Errorf("value %d is %v, truly %v", i, s, full.S[i])
		}
	}
	for what, d := range map[string]float64{
		"U'U": distance(multiplied(true, false, rank, rank, m, got.U, got.U), identity(rank)),
		"VV'": distance(multiplied(false, true, rank, rank, n, got.Vt, got.Vt), identity(rank)),
	} {
		if d > 1e-6*math.Sqrt(float64(rank)) {
			t.Errorf("%s is %.3g away from I", what, d)
		}
	}
	best := 0.0
	for _, s := range full.S[rank:] {
		best = math.Hypot(best, s)
	}
	missing := got.multiplied(m, n)
	for i, v := range a {
		missing[i] -= float64(v)
	}
	left := euclid(missing)
	if left > 1.02*best+1e-6*full.S[0] {
		t.Errorf("the error is %.4g, the best %.4g", left, best)
	}
	if floor := 1e-6 * full.S[0]; got.Frobenius+floor < left/2 || got.Frobenius > 2*left+floor {
		t.Errorf("the error is %.4g, the estimate %.4g", left, got.Frobenius)
	}
	values, err := SingularValues(ctx, missing, m, n)
	noError(t, err)
	if values[0] > got.Missed+got.Next+1e-6*full.S[0] {
		t.Errorf("the error %.4g exceeds its bound %.4g + %.4g", values[0], got.Missed, got.Next)
	}
}

// TestRandomizedEdges: matrices smaller than the sketch, single rows, nothing.
func TestRandomizedEdges(t *testing.T) {
	ctx := context.Background()
	for _, shape := range [][2]int{{1, 1}, {1, 40}, {40, 1}, {5, 5}, {30, 12}, {12, 30}} {
		m, n := shape[0], shape[1]
		for name, a := range map[string][]float32{"random": convertTo[float32](normal(m, n)), "zero": make([]float32, m*n)} {
			got, err := RandomizedSVD(ctx, a, m, n, sketch(64, 1))
			noError(t, err)
			if got.Rank != min(m, n) || len(got.S) != got.Rank {
				t.Errorf("%v: rank %d", shape, got.Rank)
			}
			if d := distance(got.multiplied(m, n), convertTo[float64](a)); d > 1e-6*norm(a) {
				t.Errorf("%s %v: the error is %.3g", name, shape, d)
			}
		}
	}
	for _, shape := range [][2]int{{0, 0}, {0, 5}, {5, 0}} {
		if got, err := RandomizedSVD(ctx, nil, shape[0], shape[1], sketch(3, 1)); err != nil || got.Rank != 0 {
			t.Errorf("%v: %+v, %v", shape, got, err)
		}
	}
}

// TestRandomizedKey: the draws depend on the tensor's name and nothing else.
func TestRandomizedKey(t *testing.T) {
	ctx, a := context.Background(), spectrum(t, 80, 60, powers(60, 0.95))
	run := func(name string) []float32 {
		s := sketch(5, 0)
		s.Key = rng.NewKey(1, "test", "", name, "")
		got, err := RandomizedSVD(ctx, a, 80, 60, s)
		noError(t, err)
		return got.U
	}
	if !slices.Equal(run("a"), run("a")) || slices.Equal(run("a"), run("b")) {
		t.Error("the key does not decide the draws")
	}
}

// TestOrthonormalise: matrices that take one round of Cholesky QR, two, and
// Householder reflections.
func TestOrthonormalise(t *testing.T) {
	const k, n = 20, 150
	for _, decades := range []float64{0, 3, 6, 9, 20, 35} {
		y := convertTo[float32](normal(k, n))
		for i := range y {
			y[i] += y[i%n] // rows that lean on each other
			y[i] *= float32(math.Pow(10, -decades*float64(i/n)/k))
		}
		q := slices.Clone(y)
		l := orthonormalise(q, k, n, newJob(context.Background()))
		if d := distance(multiplied(false, true, k, k, n, q, q), identity(k)); d > 1e-6*math.Sqrt(k) {
			t.Errorf("%v decades: QQ' is %.3g away from I", decades, d)
		}
		if d := distance(multiplied(false, false, k, n, k, l, convertTo[float64](q)), convertTo[float64](y)); d > 1e-6*norm(y) {
			t.Errorf("%v decades: LQ is %.3g away", decades, d/norm(y))
		}
	}
}

func TestFindRange(t *testing.T) {
	a := spectrum(t, 120, 70, powers(30, 0.5))
	q, missed, err := FindRange(context.Background(), a, 120, 70, sketch(12, 1))
	noError(t, err)
	k := len(q) / 120
	b := multiplied(true, false, k, 70, 120, q, a)
	left := distance(multiplied(false, false, 120, 70, k, convertTo[float64](q), b), convertTo[float64](a))
	if k != 22 || left > missed+1e-6 || left > 1e-5 {
		t.Errorf("%d columns leave %v, the bound is %v", k, left, missed)
	}
}
