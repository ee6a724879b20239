package calib_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rouxml/roux/engine/calib"
	"github.com/rouxml/roux/loaders/all"
	"github.com/rouxml/roux/loaders/hub"
	"github.com/rouxml/roux/loaders/tokenizer"
	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/ops/opstest"
	"github.com/rouxml/roux/tensor"
)

const root = "../../testdata/"

type tokens struct{ *tokenizer.Tokenizer }

func (t tokens) Encode(text string, o ops.Encoding) ([]int32, []int, error) {
	ids, err := t.Tokenizer.Encode(text, tokenizer.Options{Add: o.Add, Parse: o.Parse})
	return ids, nil, err
}
func (t tokens) Decode(ids []int32) string { return "" }

// base is the trained tiny model.
func base(t *testing.T) ops.Subject {
	t.Helper()
	m, closer, err := all.Open(t.Context(), all.Ref{Path: root + "models/base"}, hub.Client{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closer.Close() })
	return subject(ops.NewHeader("base", m.Weights.Infos(), m), m.Weights, func() (ops.Tokenizer, error) {
		k, err := tokenizer.Open(m.Files)
		return tokens{k}, err
	})
}

func subject(h ops.Header, w tensor.Source, open func() (ops.Tokenizer, error)) ops.Subject {
	h.Tokenizer = open
	return ops.Subject{Header: h, Weights: w}
}

func prose(t *testing.T) *ops.Data {
	t.Helper()
	text, err := os.ReadFile(root + "data/prose.held.txt")
	if err != nil {
		t.Fatal(err)
	}
	return &ops.Data{Name: "prose", Texts: []string{string(text)}, Length: 100, Samples: 12}
}

// result is what a job came to, by layer and input.
type result struct {
	Stats  map[string]*ops.Stats
	Gram   map[string][]float64
	Blocks *ops.Blocks
}

// gather wants everything.
func gather(t *testing.T, j calib.Job) (result, error) {
	t.Helper()
	linears, err := calib.Linears(j.Model.Header)
	if err != nil {
		t.Fatal(err)
	}
	r := result{map[string]*ops.Stats{}, map[string][]float64{}, nil}
	j.Linears, j.Blocks = linears, true
	for range linears {
		j.Want = append(j.Want, ops.Channels|ops.Gram)
	}
	j.Layer = func(layer int, got []calib.Gathered) error {
		for _, g := range got {
			k := key(layer, g.Stats.Input)
			r.Stats[k] = g.Stats
			d := g.Stats.Width()
			for i := range d {
				clear(g.Gram[i*d+i+1 : (i+1)*d]) // undefined
			}
			r.Gram[k] = slices.Clone(g.Gram)
		}
		return nil
	}
	r.Blocks, err = calib.Run(t.Context(), j)
	return r, err
}

func key(layer int, input string) string { return fmt.Sprint(layer, " ", input) }

func near(t *testing.T, what string, got, want, scale float64) {
	t.Helper()
	if math.IsNaN(got) || math.Abs(got-want) > 2e-5*max(scale, math.Abs(want)) {
		t.Errorf("%s: %v, torch has %v", what, got, want)
	}
}

// TestAsTorch: sums, extremes, Gram matrices and cosines of the trained model
// are what hooks in torch gather (.ci/oracle_calib.py).
func TestAsTorch(t *testing.T) {
	text, err := os.ReadFile("testdata/base.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Channels []int
		Inputs   []struct {
			Layer                       int
			Input                       string
			Width                       int
			Total, Frobenius            float64
			Sum, Squares, Abs, Min, Max []float64
			Gram                        [][]float64
		}
		Blocks ops.Blocks
	}
	if err := json.Unmarshal(text, &golden); err != nil {
		t.Fatal(err)
	}
	got, err := gather(t, calib.Job{Model: base(t), Data: prose(t), Memory: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	if len(golden.Inputs) != len(got.Stats) {
		t.Fatalf("%d inputs, want %d", len(got.Stats), len(golden.Inputs))
	}
	for _, g := range golden.Inputs {
		k := key(g.Layer, g.Input)
		s, gram := got.Stats[k], got.Gram[k]
		if s == nil || s.Width() != g.Width || s.Rows != 1200 || s.Seen != 1200 || s.Samples != 12 {
			t.Fatalf("%s: %+v", k, s)
		}
		scale := g.Total / float64(g.Width)
		total, frobenius := 0.0, 0.0
		for i, v := range s.Squares {
			total += v
			for j := range i + 1 {
				part := gram[i*g.Width+j] * gram[i*g.Width+j]
				if j < i {
					part *= 2
				}
				frobenius += part
			}
		}
		near(t, k+" total", total, g.Total, 0)
		near(t, k+" Frobenius", math.Sqrt(frobenius), g.Frobenius, 0)
		for i, j := range golden.Channels {
			near(t, k+" sum", s.Sum[j], g.Sum[i], g.Abs[i])
			near(t, k+" squares", s.Squares[j], g.Squares[i], 0)
			near(t, k+" abs", s.Abs[j], g.Abs[i], 0)
			near(t, k+" min", float64(s.Min[j]), g.Min[i], 1e-1)
			near(t, k+" max", float64(s.Max[j]), g.Max[i], 1e-1)
			for l, m := range golden.Channels[:i+1] {
				near(t, k+" Gram", gram[j*g.Width+m], g.Gram[i][l], scale)
			}
		}
	}
	for i, v := range golden.Blocks.Next {
		near(t, fmt.Sprint("cosine behind layer ", i), got.Blocks.Next[i], v, 1)
		for j, w := range golden.Blocks.Last[i] {
			near(t, fmt.Sprint("cosine of states ", i, j), got.Blocks.Last[i][j], w, 1)
		}
	}
}

// same compares bits; cmp would take seconds for so many.
func same(a, b result) bool {
	for k, s := range a.Stats {
		o := b.Stats[k]
		if !slices.Equal(s.Sum, o.Sum) || !slices.Equal(s.Squares, o.Squares) || !slices.Equal(s.Abs, o.Abs) ||
			!slices.Equal(s.Min, o.Min) || !slices.Equal(s.Max, o.Max) || !slices.Equal(a.Gram[k], b.Gram[k]) {
			return false
		}
	}
	return cmp.Equal(a.Blocks, b.Blocks)
}

// TestSameBits: neither workers nor memory, hidden states in a file included,
// change a bit, and drawn samples are others than the first.
func TestSameBits(t *testing.T) {
	model := base(t)
	want, err := gather(t, calib.Job{Model: model, Data: prose(t), Workers: 1, Memory: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	for _, j := range []calib.Job{{Workers: 2, Memory: 1 << 30}, {Workers: 5, Memory: 40 << 20}, {Workers: 3, Memory: 40 << 20, Spill: t.TempDir()}} {
		j.Model, j.Data = model, prose(t)
		got, err := gather(t, j)
		if err != nil || !same(want, got) {
			t.Errorf("%d workers, %d bytes: other bits: %v", j.Workers, j.Memory, err)
		}
	}
	drawn := prose(t)
	drawn.Drawn = true
	got, err := gather(t, calib.Job{Model: model, Data: drawn, Memory: 1 << 30})
	if err != nil || same(got, want) {
		t.Errorf("drawn samples give what the first give: %v", err)
	}
}

// TestShards: statistics of two halves of the samples add up to those of all,
// but for the rounding of sums that are cut elsewhere.
func TestShards(t *testing.T) {
	model := base(t)
	whole, err := gather(t, calib.Job{Model: model, Data: prose(t), Memory: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	first, second := prose(t), prose(t)
	k, _ := model.Tokenizer()
	ids, _, _ := k.Encode(first.Texts[0], ops.Encoding{Add: true})
	first.Samples, second.Samples = 5, 7
	model.Tokenizer = func() (ops.Tokenizer, error) { return cutTokens{k, ids[500:]}, nil }
	a, err := gather(t, calib.Job{Model: base(t), Data: first, Memory: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	b, err := gather(t, calib.Job{Model: model, Data: second, Memory: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range whole.Stats {
		sum := a.Stats[name]
		if err := sum.Join(b.Stats[name]); err != nil {
			t.Fatal(err)
		}
		if sum.Rows != s.Rows || sum.Samples != s.Samples || !cmp.Equal(sum.Min, s.Min) || !cmp.Equal(sum.Max, s.Max) {
			t.Errorf("%s: %d rows of %d samples or the extremes differ", name, sum.Rows, sum.Samples)
		}
		for j := range s.Squares {
			near(t, name, sum.Squares[j], s.Squares[j], 0)
		}
	}
	if err := a.Stats["0 attn.in"].Join(b.Stats["1 attn.in"]); err == nil {
		t.Error("other layers add up")
	}
}

// cutTokens is a tokenizer whose texts are all the same tokens.
type cutTokens struct {
	ops.Tokenizer
	ids []int32
}

func (c cutTokens) Encode(string, ops.Encoding) ([]int32, []int, error) { return c.ids, nil, nil }

// TestSequential: when layer 1 is asked for after other weights were given for
// layer 0, its statistics are those of a model that had them from the start.
func TestSequential(t *testing.T) {
	m := opstest.Scene{}.Subject(0)
	other := opstest.Scene{}.Subject(1)
	want, err := gather(t, calib.Job{Model: mixed(m, other, "model.layers.0."), Data: letters(), Memory: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	linears, err := calib.Linears(m.Header)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]*ops.Stats{}
	j := calib.Job{Model: m, Data: letters(), Memory: 1 << 30, Linears: linears}
	for range linears {
		j.Want = append(j.Want, ops.Channels)
	}
	j.Layer = func(layer int, all []calib.Gathered) error {
		order = append(order, fmt.Sprint("layer ", layer))
		for _, g := range all {
			got[key(layer, g.Stats.Input)] = g.Stats
		}
		return nil
	}
	j.Replace = func(layer int) (tensor.Source, error) {
		order = append(order, fmt.Sprint("replace ", layer))
		if layer == 0 {
			return other.Weights, nil
		}
		return nil, nil
	}
	if _, err := calib.Run(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"layer 0", "replace 0", "layer 1", "replace 1", "layer 2"}, order); d != "" {
		t.Error(d)
	}
	for _, input := range []string{"attn.in", "attn.out", "ffn.in", "ffn.mid"} {
		if d := cmp.Diff(want.Stats[key(1, input)], got[key(1, input)]); d != "" {
			t.Errorf("layer 1, %s: %s", input, d)
		}
		if cmp.Equal(want.Stats[key(0, input)], got[key(0, input)]) && input != "attn.in" {
			t.Errorf("layer 0, %s: seen behind the replacement", input)
		}
	}
}

// mixed has the tensors of b whose names begin so, and else those of a.
func mixed(a, b ops.Subject, prefix string) ops.Subject {
	a.Weights = mixture{a.Weights, b.Weights, prefix}
	return a
}

type mixture struct {
	tensor.Source
	other  tensor.Source
	prefix string
}

func (m mixture) Tensor(name string) (tensor.Tensor, bool) {
	if strings.HasPrefix(name, m.prefix) {
		return m.other.Tensor(name)
	}
	return m.Source.Tensor(name)
}

func letters() *ops.Data {
	return &ops.Data{Name: "letters", Texts: []string{strings.Repeat("the quick brown fox jumps over the lazy dog; ", 20)}, Length: 48}
}

// TestErrors: what is wrong is named, with a cure where there is one.
func TestErrors(t *testing.T) {
	small := letters()
	small.Samples = 100
	long := letters()
	long.Length = 1000
	for says, j := range map[string]calib.Job{
		"makes 18 samples of 48, and 100 are asked for: give a longer text": {Model: opstest.Scene{}.Subject(0), Data: small, Memory: 1 << 30},
		"longer than the model's 96 positions: say length: 96 or less":      {Model: opstest.Scene{}.Subject(0), Data: long, Memory: 1 << 30},
		"it holds no texts":                    {Model: opstest.Scene{}.Subject(0), Data: &ops.Data{Name: "none"}, Memory: 1 << 30},
		"raise --memory, or say fewer samples": {Model: opstest.Scene{}.Subject(0), Data: letters(), Memory: 1 << 10},
		"layer 1 is the first with":            {Model: opstest.Scene{NaN: true}.Subject(0), Data: letters(), Memory: 1 << 30},
	} {
		_, err := gather(t, j)
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("want %q, got %v", says, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m := opstest.Scene{}.Subject(0)
	linears, _ := calib.Linears(m.Header)
	j := calib.Job{Model: m, Data: letters(), Memory: 1 << 30, Linears: linears, Want: make([]ops.Need, len(linears))}
	if _, err := calib.Run(ctx, j); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
