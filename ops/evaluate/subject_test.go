package evaluate

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/ops/opstest"
	"github.com/rouxml/roux/tensor/rng"
)

// TestBatches: how many sequences go through a model together changes no bits,
// nor does a file for its hidden states.
func TestBatches(t *testing.T) {
	x := &ops.Trial{Models: []ops.Subject{opstest.Scene{}.Subject(0)}, Workers: 2, Memory: 1 << 28}
	s, err := open(x, 0, false)
	if err != nil {
		t.Fatal(err)
	}
	var all []sequence
	for i := range 9 {
		ids := make([]int32, 5+7*i)
		for k := range ids {
			ids[k] = int32((k*k + 3*min(k, 20) + i*k/9) % 256)
		}
		all = append(all, sequence{ids: ids, from: 1 + i%3, cut: i%2 == 0})
	}
	want, err := s.score(context.Background(), all)
	if err != nil {
		t.Fatal(err)
	}
	for _, batch := range []int{1, 40, 100} {
		s.batch = batch
		got, err := s.score(context.Background(), all)
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("batches of %d tokens: %v\n%s", batch, err, d)
		}
	}
	x.Scratch = t.TempDir()
	if s, err = open(x, 0, false); err != nil {
		t.Fatal(err)
	}
	got, err := s.score(context.Background(), all)
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Errorf("with a file: %v\n%s", err, d)
	}
}

// TestCacheInBudget: the keys and values of the longest text are held to the
// budget before anything is generated.
func TestCacheInBudget(t *testing.T) {
	x := &ops.Trial{Models: []ops.Subject{opstest.Scene{}.Subject(0)}, Workers: 1, Memory: 1 << 28}
	s, err := open(x, 0, true)
	if err != nil {
		t.Fatal(err)
	}
	some := []prompt{{make([]int32, 20), 4}, {make([]int32, 3), 40}}
	need := s.model.Memory(20, 20) + s.model.CacheBytes(43)
	x.Memory = (need + 1) / 2
	if _, err := s.cacheFor(some, x); err != nil {
		t.Error(err)
	}
	x.Memory = (need - 2) / 2
	if _, err := s.cacheFor(some, x); err == nil || !strings.Contains(err.Error(), "raise --memory") {
		t.Errorf("a cache beyond the budget: %v", err)
	}
}

// TestInterval: the interval of a mean is where the normal approximation has it,
// the same for the same seed, and a point when nothing varies.
func TestInterval(t *testing.T) {
	key := rng.NewKey(1, "test", "", "", "")
	x, ones := make([]float64, 400), slices.Repeat([]float64{1}, 400)
	mean := 0.0
	for i := range x {
		x[i] = 0.1 + key.Normal(i)
		mean += x[i] / 400
	}
	low, high := interval(7, "nll", x, ones)
	if math.Abs(low-(mean-0.098)) > 0.012 || math.Abs(high-(mean+0.098)) > 0.012 {
		t.Errorf("[%v, %v] around %v", low, high, mean)
	}
	if l, h := interval(7, "nll", x, ones); l != low || h != high {
		t.Error("one seed gives two intervals")
	}
	if l, h := interval(7, "acc", ones, ones); l != 1 || h != 1 {
		t.Errorf("[%v, %v]", l, h)
	}
	// numpy.quantile([1, 2, 4, 8], [0.1, 0.5, 0.99])
	for q, want := range map[float64]float64{0.1: 1.3, 0.5: 3, 0.99: 7.88} {
		if got := quantile([]float64{1, 2, 4, 8}, q); math.Abs(got-want) > 1e-12 {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
}

// TestSamples: the first, or those that the seed draws, each once and in order.
func TestSamples(t *testing.T) {
	all := make([]int, 100)
	for i := range all {
		all[i] = i
	}
	draw := func(d *ops.Data) []int {
		got, err := samples(d, all, "numbers")
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := draw(&ops.Data{Samples: 3}); !slices.Equal(got, []int{0, 1, 2}) {
		t.Errorf("%v", got)
	}
	a, b := draw(&ops.Data{Samples: 10, Drawn: true, Seed: 1}), draw(&ops.Data{Samples: 10, Drawn: true, Seed: 2})
	if slices.Equal(a, b) || !slices.IsSorted(a) || len(slices.Compact(slices.Clone(a))) != 10 || !slices.Equal(a, draw(&ops.Data{Samples: 10, Drawn: true, Seed: 1})) {
		t.Errorf("%v %v", a, b)
	}
	if got := draw(&ops.Data{Samples: 100, Drawn: true}); !slices.Equal(got, all) {
		t.Errorf("%v", got)
	}
	if _, err := samples(&ops.Data{Samples: 101}, all, "numbers"); err == nil {
		t.Error("more samples than there are")
	}
}

// TestCut: the first of the stop strings counts, wherever they stand in the list.
func TestCut(t *testing.T) {
	for _, c := range []struct {
		text, want string
		stopped    bool
	}{{"a\n\nb", "a", true}, {"abEND\n", "ab", true}, {"abc", "abc", false}, {"", "", false}} {
		if got, stopped := cutAt(c.text, []string{"\n", "END", ""}); got != c.want || stopped != c.stopped {
			t.Errorf("%q: %q %v", c.text, got, stopped)
		}
	}
}

// TestLayersFit: a long window whose hidden states of all layers would go far
// beyond the budget is refused with a length that fits.
func TestLayersFit(t *testing.T) {
	s, err := open(&ops.Trial{Models: []ops.Subject{opstest.Scene{}.Subject(0)}, Workers: 1, Memory: 1 << 28}, 0, false)
	if err != nil {
		t.Fatal(err)
	}
	a := s.model.Arch()
	row := int64(4 * a.Hidden * (a.Layers + 1))
	window := []sequence{{ids: make([]int32, 40)}}
	if err := s.layersFit(&ops.Data{Name: "held"}, window, 40*row); err != nil {
		t.Error(err)
	}
	if err := s.layersFit(&ops.Data{Name: "held"}, window, 40*row-1); err == nil || !strings.Contains(err.Error(), "say length: 38 or less") {
		t.Errorf("got %v", err)
	}
}

// TestLogitRows: many models of a large vocabulary get fewer rows of logits
// together, which changes no bits.
func TestLogitRows(t *testing.T) {
	for _, c := range []struct {
		memory        int64
		models, vocab int
		want          int
	}{{1 << 30, 2, 150_000, logitRows}, {32_000_000, 2, 150_000, 3}, {32_000_000, 9, 250_000, 1}} {
		if got := rowsWithin(c.memory, c.models, c.vocab); got != c.want {
			t.Errorf("%d rows within %d bytes, want %d", got, c.memory, c.want)
		}
	}
	x := &ops.Trial{Models: []ops.Subject{opstest.Scene{}.Subject(0)}, Workers: 2, Memory: 1 << 28}
	s, err := open(x, 0, false)
	if err != nil {
		t.Fatal(err)
	}
	all := []sequence{{ids: make([]int32, 70), from: 1}, {ids: make([]int32, 5), from: 2}}
	for i := range all[0].ids {
		all[0].ids[i] = int32(i * 3)
	}
	logits := func(memory int64) [][]float32 {
		x.Memory = memory
		out := make([][]float32, 72)
		err := manyLogits(t.Context(), x, []*subject{s}, all, func(at, _ int, _ int32, z [][]float32) error { out[at] = slices.Clone(z[0]); return nil })
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if d := cmp.Diff(logits(1<<28), logits(1)); d != "" {
		t.Error(d)
	}
}
