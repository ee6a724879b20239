package tokenizer

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/tensor/kernel/cpu"
	"github.com/rouxml/roux/tensor/vocab"
)

func random(seed uint64, n, dim int) points {
	r := rand.New(rand.NewPCG(seed, 3))
	p := points{make([]float32, n*dim), n, dim}
	for i := range p.data {
		p.data[i] = float32(r.NormFloat64())
	}
	return p
}

// sumOf adds up points by weights, in float64.
func sumOf(p points, s sparse) []float64 {
	out := make([]float64, p.dim)
	for k, i := range s.at {
		for j, v := range p.row(i) {
			out[j] += s.w[k] * float64(v)
		}
	}
	return out
}

// TestPursuitFindsFewPoints: a sum of few points among many is found with its
// weights, and nothing more is taken once nothing is left.
func TestPursuitFindsFewPoints(t *testing.T) {
	pts := random(1, 200, 64)
	want := sparse{[]int{7, 60, 150}, []float64{2, -1.5, 0.75}}
	target := points{make([]float32, 64), 1, 64}
	for j, v := range sumOf(pts, want) {
		target.data[j] = float32(v)
	}
	got, err := pursue(t.Context(), target, pts, 10)
	if err != nil {
		t.Fatal(err)
	}
	if len(got[0].at) != 3 {
		t.Fatalf("took %v, want %v", got[0].at, want.at)
	}
	for k, i := range got[0].at {
		at := slices.Index(want.at, i)
		if at < 0 || math.Abs(got[0].w[k]-want.w[at]) > 1e-5 {
			t.Errorf("point %d has the weight %v", i, got[0].w[k])
		}
	}
}

// TestPursuitLaws: what is left stands at right angles to every chosen point,
// no point is taken twice, and with as many points as dimensions nothing is left.
func TestPursuitLaws(t *testing.T) {
	pts, targets := random(2, 80, 16), random(3, 5, 16)
	for _, k := range []int{1, 4, 16, 40} {
		sums, err := pursue(t.Context(), targets, pts, k)
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range sums {
			rest := sumOf(pts, s)
			for j, v := range targets.row(i) {
				rest[j] -= float64(v)
			}
			for _, at := range s.at {
				point := make([]float64, pts.dim)
				for j, v := range pts.row(at) {
					point[j] = float64(v)
				}
				if c := dot(rest, point); math.Abs(c) > 1e-8 {
					t.Errorf("k %d: the rest has a part %g along point %d", k, c, at)
				}
			}
			if sorted := slices.Sorted(slices.Values(s.at)); len(slices.Compact(sorted)) != len(s.at) || len(s.at) > min(k, 16) {
				t.Errorf("k %d: took %v", k, s.at)
			}
			if k >= 16 && norm(rest) > 1e-4 {
				t.Errorf("k %d: %g is left", k, norm(rest))
			}
		}
	}
}

// TestPursuitOddInputs: points that are equal or zero, a target of zeros, and
// fewer points than asked for end well.
func TestPursuitOddInputs(t *testing.T) {
	pts := points{[]float32{1, 0, 1, 0, 0, 0, 2, 0}, 4, 2}
	targets := points{[]float32{3, 4, 0, 0}, 2, 2}
	sums, err := pursue(t.Context(), targets, pts, 4)
	if err != nil {
		t.Fatal(err)
	}
	if got := sumOf(pts, sums[0]); len(sums[0].at) != 1 || math.Abs(got[0]-3) > 1e-12 || got[1] != 0 {
		t.Errorf("took %v with %v", sums[0].at, sums[0].w)
	}
	if len(sums[1].at) != 0 {
		t.Errorf("took %v for a target of zeros", sums[1].at)
	}
}

// TestPieceWeights: for an embedding the last piece counts most, for a head the
// first.
func TestPieceWeights(t *testing.T) {
	for _, c := range []struct {
		pieces string
		head   bool
		w      []float32
		total  float32
	}{
		{"mean", false, []float32{1, 1, 1}, 3}, {"sum", true, []float32{1, 1, 1}, 1},
		{"weighted_mean", false, []float32{1, 2, 3}, 6}, {"weighted_mean", true, []float32{3, 2, 1}, 6},
		{"first_last", false, []float32{0, 0, 1}, 1}, {"first_last", true, []float32{1, 0, 0}, 1}, {"first_last", true, []float32{1}, 1},
	} {
		w, total := (&transplant{Pieces: c.pieces}).pieceWeights(len(c.w), c.head)
		if !slices.Equal(w, c.w) || total != c.total {
			t.Errorf("%s, head %v: %v by %v, want %v by %v", c.pieces, c.head, w, total, c.w, c.total)
		}
	}
}

// TestLeast: the places of the least values are those of sorting them all.
func TestLeast(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for range 50 {
		values, order := make([]float64, 40), make([]int, 40)
		for i := range values {
			values[i], order[i] = float64(r.IntN(12)), i
		}
		slices.SortStableFunc(order, func(a, b int) int { return int(values[a] - values[b]) })
		k := 1 + r.IntN(40)
		if got := least(values, k); !slices.Equal(got, order[:k]) {
			t.Fatalf("%d least of %v are %v, want %v", k, values, got, order[:k])
		}
	}
}

// TestHeadIsNoEmbedding: of a head and an embedding that hold the same bytes,
// as in a file that shares them, either is made by its own rule, so that their
// units must not look alike to the cache.
func TestHeadIsNoEmbedding(t *testing.T) {
	text := []byte(`{"model": {"type": "WordLevel", "vocab": {"a": 0, "b": 1}}}`)
	v, err := vocab.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	units, err := transplantPlan(&transplant{Method: "mean"}, []ops.Header{header("m", v, 2), header("d", v, 2)})
	if err != nil || len(units) != 2 || slices.Equal(units[0].Args, units[1].Args) {
		t.Errorf("%v, %v", units, err)
	}
	if g := graftOf(units[1].Args); g.head != 1 || !slices.Equal(g.rows, []int{0, 1}) {
		t.Errorf("read back as %+v", g)
	}
}

// TestWorkers: no more rows are made at once than the run has workers.
func TestWorkers(t *testing.T) {
	for _, workers := range []int{1, 3} {
		var now, most, calls atomic.Int64
		parallel(cpu.WithWorkers(t.Context(), workers), 50, func(int) {
			calls.Add(1)
			if n := now.Add(1); n > most.Load() {
				most.Store(n)
			}
			time.Sleep(100 * time.Microsecond)
			now.Add(-1)
		})
		if calls.Load() != 50 || most.Load() > int64(workers) {
			t.Errorf("%d workers: %d calls, %d at once", workers, calls.Load(), most.Load())
		}
	}
}
