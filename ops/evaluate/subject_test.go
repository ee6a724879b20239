package evaluate

import (
	"context"
	"math"
	"regexp"
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
		err := manyLogits(t.Context(), x, []*subject{s}, all, func(at, _ int, _ int32, z [][]float32) { out[at] = slices.Clone(z[0]) })
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if d := cmp.Diff(logits(1<<28), logits(1)); d != "" {
		t.Error(d)
	}
}

// TestChecks: what a plan knows of data is said before anything runs, and what
// would take long to know is left to the run.
func TestChecks(t *testing.T) {
	h := opstest.Scene{}.Subject(0).Header
	text := func(n int) []string { return []string{strings.Repeat("a", n)} }
	for _, c := range []struct {
		protocol string
		data     ops.Data
		want     string
	}{
		{"begin", ops.Data{Texts: text(100), Length: 24, Samples: 4}, ""},
		{"begin", ops.Data{Texts: text(100), Length: 24, Samples: 5}, "it holds 4 windows of 24 tokens, and 5 samples are asked for"},
		{"begin", ops.Data{Texts: text(20), Length: 24}, "the text has 20 tokens, and 24 are asked for"},
		{"begin", ops.Data{Texts: text(5 << 20), Length: 24, Samples: 1 << 30}, ""}, // not counted
		{"begin", ops.Data{Texts: text(5 << 20), Length: 96}, "longer than the 96 positions"},
		{"llama.cpp", ops.Data{Texts: text(46), Length: 24}, "two chunks of 24"},
		{"llama.cpp", ops.Data{Texts: text(47), Length: 2}, "say length: 3 or more"},
		{"gptq", ops.Data{Texts: text(20), Length: 24}, "the text has 21 tokens"},
		{"hf-stride", ops.Data{Texts: text(20), Length: 24}, "the text has 21 tokens"},
		{"rolling", ops.Data{Texts: text(3)}, ""},
		{"rolling", ops.Data{Length: 24}, "it holds no texts"},
	} {
		err := checkTexts([]ops.Header{h, h}, &c.data, c.protocol, 0)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s of %d bytes by %d: want %q, got %v", c.protocol, len(strings.Join(c.data.Texts, "")), c.data.Length, c.want, err)
		}
	}
}

// TestExtract: the first or last match counts, its group if it has one.
func TestExtract(t *testing.T) {
	for _, c := range []struct{ extract, take, text, want string }{
		{"", "first", " a ", "a"}, {`\d+`, "first", "1 or 22", "1"}, {`\d+`, "last", "1 or 22", "22"}, {`#(\d+)`, "last", "#1 #2.", "2"}, {`\d`, "last", " none ", "none"},
	} {
		p := &generate{Extract: c.extract, Take: c.take}
		if got := p.clean(regexp.MustCompile(c.extract), c.text); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
	long := ops.Data{Items: []ops.Item{{Context: "a", Answer: strings.Repeat("a", longestAnswer+1)}}}
	p := &generate{Extract: "a", Take: "last", Limit: 4}
	if err := checkGenerate(p, []ops.Header{opstest.Scene{}.Subject(0).Header}, []*ops.Data{&long}); err == nil || !strings.Contains(err.Error(), "too long to extract from") {
		t.Errorf("got %v", err)
	}
}

// listening is a tokenizer that notes what it was asked to take for special.
type listening struct {
	ops.Tokenizer
	parsed map[bool]int
}

func (l listening) Encode(text string, o ops.Encoding) ([]int32, []int, error) {
	l.parsed[o.Parse]++
	return l.Tokenizer.Encode(text, o)
}

// TestSpecial: no op takes what is written in data for special tokens, unless
// the data says so.
func TestSpecial(t *testing.T) {
	text := []string{strings.Repeat("some text ", 20)}
	held := ops.Data{Texts: text, Length: 24, Samples: 2, Items: []ops.Item{{Context: "a", Choices: []string{"b", "c"}, Answer: "b", Limit: 2}}, Rows: []map[string]string{{"first": "a", "second": "b"}, {"first": "c", "second": "d"}}}
	quiz, free, pairs := held, held, held
	quiz.Samples, free.Samples = 1, 1
	runs := map[string]func(x *ops.Trial) (ops.Result, error){
		"perplexity": func(x *ops.Trial) (ops.Result, error) {
			return runPerplexity(t.Context(), &perplexity{Protocol: "begin"}, x)
		},
		"kl":     func(x *ops.Trial) (ops.Result, error) { return runKL(t.Context(), &divergence{Protocol: "begin"}, x) },
		"hidden": func(x *ops.Trial) (ops.Result, error) { return runHidden(t.Context(), &hidden{Protocol: "begin"}, x) },
		"combine": func(x *ops.Trial) (ops.Result, error) {
			return runCombine(t.Context(), &combine{Models: []weighted{{Weight: 1}, {Weight: 1}}, How: "probabilities", Protocol: "begin"}, x)
		},
		"choice":   func(x *ops.Trial) (ops.Result, error) { return runChoice(t.Context(), &choice{}, x) },
		"generate": func(x *ops.Trial) (ops.Result, error) { return runGenerate(t.Context(), &generate{Limit: 2}, x) },
		"embed": func(x *ops.Trial) (ops.Result, error) {
			return runEmbed(t.Context(), &embed{First: "first", Second: "second", Pooling: "mean"}, x)
		},
	}
	data := map[string]*ops.Data{"choice": &quiz, "generate": &free, "embed": &pairs}
	for name, run := range runs {
		for _, special := range []bool{false, true} {
			d := held
			if other := data[name]; other != nil {
				d = *other
			}
			d.Special = special
			x := &ops.Trial{Data: []*ops.Data{&d}, Workers: 1, Memory: 1 << 28}
			parsed := map[bool]int{}
			for i := range 2 {
				s := opstest.Scene{}.Subject(i)
				open := s.Tokenizer
				s.Tokenizer = func() (ops.Tokenizer, error) {
					k, err := open()
					return listening{k, parsed}, err
				}
				x.Models = append(x.Models, s)
			}
			if _, err := run(x); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if parsed[special] == 0 || parsed[!special] > 0 {
				t.Errorf("%s, where special is %v: special tokens were taken %d times and left %d times", name, special, parsed[true], parsed[false])
			}
		}
	}
}

// TestPaired: what two models differ by is drawn in pairs, so that items on
// which both do badly widen nothing; other tokens are not compared.
func TestPaired(t *testing.T) {
	key := rng.NewKey(2, "test", "", "", "")
	first, second, weight := make([]float64, 200), make([]float64, 200), make([]float64, 200)
	for i := range first {
		weight[i] = float64(1 + i%3)
		first[i] = weight[i] * 5 * math.Abs(key.Normal(i))
		second[i] = first[i] - 0.25*weight[i]
	}
	v := map[string]float64{}
	compareItems(v, "nll", 1, map[string][]float64{"nll": first}, map[string][]float64{"nll": second}, weight)
	for _, name := range []string{"nll_diff", "nll_diff_low", "nll_diff_high"} {
		if math.Abs(v[name]+0.25) > 1e-12 {
			t.Errorf("%s is %v, want -0.25", name, v[name])
		}
	}
	a := ops.Result{Notes: map[string]string{"tokenizer": "x", "length": "64"}}
	for _, notes := range []map[string]string{{"tokenizer": "y", "length": "64"}, {"tokenizer": "x", "length": "32"}} {
		if comparable(a, ops.Result{Notes: notes}) {
			t.Errorf("%v is compared with %v", notes, a.Notes)
		}
	}
}
