package evaluate

import (
	"math"
	"regexp"
	"strings"
	"testing"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/ops/opstest"
	"github.com/rouxml/roux/tensor/rng"
)

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
