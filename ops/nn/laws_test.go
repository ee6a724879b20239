package nn

import (
	"bytes"
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/kernel/cpu"
	"github.com/rouxml/roux/tensor/rng"
)

// open opens a golden's model.
func open(t testing.TB, g golden, d tensor.DType, o Options) *Model {
	t.Helper()
	m, err := Open(g.source(d), g.Config, o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// allRows returns the hidden states of a sequence of a batch.
func allRows(t testing.TB, m *Model, batch [][]int32, i int) []byte {
	t.Helper()
	st, err := m.Run(t.Context(), batch, Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	var b []byte
	for at := range batch[i] {
		b = append(b, bits(st.Row(i, at))...)
	}
	return b
}

// A sequence has the same bits for any number of workers, alone, among others,
// behind one with the same beginning, and with weights in 16 bits or 32.
func TestSameBits(t *testing.T) {
	for name, g := range goldens(t) {
		t.Run(name, func(t *testing.T) {
			seq := g.Answers[0].Tokens
			other := slices.Clone(seq[:30])
			other[29] = (other[29] + 1) % 96
			want := allRows(t, open(t, g, tensor.F32, Options{Workers: 1}), [][]int32{seq}, 0)
			for what, got := range map[string][]byte{
				"three workers":   allRows(t, open(t, g, tensor.F32, Options{Workers: 3}), [][]int32{seq}, 0),
				"others before":   allRows(t, open(t, g, tensor.F32, Options{}), [][]int32{g.Answers[1].Tokens, seq}, 1),
				"others behind":   allRows(t, open(t, g, tensor.F32, Options{}), [][]int32{seq, other}, 0),
				"shared prefix":   allRows(t, open(t, g, tensor.F32, Options{}), [][]int32{g.Answers[1].Tokens, other, seq}, 2),
				"the same before": allRows(t, open(t, g, tensor.F32, Options{}), [][]int32{seq, seq, seq}, 2),
				"bfloat16":        allRows(t, open(t, g, tensor.BF16, Options{}), [][]int32{seq}, 0),
				"float16":         allRows(t, open(t, g, tensor.F16, Options{}), [][]int32{seq}, 0),
				"spilled":         allRows(t, open(t, g, tensor.BF16, Options{Spill: t.TempDir()}), [][]int32{seq, other}, 0),
				"resident":        allRows(t, open(t, g, tensor.BF16, Options{Resident: true}), [][]int32{seq}, 0),
			} {
				if !bytes.Equal(got, want) {
					t.Errorf("%s: other bits", what)
				}
			}
		})
	}
}

// AVX2 has the bits of AVX-512, and on each level a sequence has its bits in any
// batch.
func TestLevels(t *testing.T) {
	g := goldens(t)["llama3"]
	seq := [][]int32{g.Answers[0].Tokens}
	all := map[cpu.Level][]byte{}
	for _, level := range cpu.Levels() {
		restore := cpu.Force(level)
		all[level] = allRows(t, open(t, g, tensor.BF16, Options{}), seq, 0)
		if other := allRows(t, open(t, g, tensor.F32, Options{Workers: 1}), append([][]int32{{5, 6}}, seq...), 1); !bytes.Equal(all[level], other) {
			t.Errorf("%s: other bits in a batch", level)
		}
		restore()
	}
	if a, b := all[cpu.AVX512], all[cpu.AVX2]; a != nil && b != nil && !bytes.Equal(a, b) {
		t.Error("AVX2 and AVX-512 differ")
	}
}

// Prefixes of a text have the logits of the whole text, whether they run alone
// or grow in a cache.
func TestCache(t *testing.T) {
	for name, g := range goldens(t) {
		if g.Answers[0].Std == 0 {
			continue // an encoder
		}
		t.Run(name, func(t *testing.T) {
			seq := g.Answers[0].Tokens
			m := open(t, g, tensor.BF16, Options{Resident: true})
			c := m.NewCache()
			for at := 0; at < len(seq); {
				n := min(1+at%5, len(seq)-at)
				z, err := c.Next(t.Context(), seq[at:at+n])
				if err != nil {
					t.Fatal(err)
				}
				at += n
				st, err := m.Run(t.Context(), [][]int32{seq[:at]}, Hooks{})
				if err != nil {
					t.Fatal(err)
				}
				want := make([]float32, len(z))
				if err := st.Logits(want, 0, at-1); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(bits(z), bits(want)) {
					t.Fatalf("after %d tokens the cache gives other logits", at)
				}
			}
		})
	}
}

// A cache that resumes another text, of which it holds the beginning, has the
// logits of a run of that text, even where the longer one had other angles.
func TestResume(t *testing.T) {
	for _, name := range []string{"llama", "llama-dynamic", "phi3-longrope"} {
		g := goldens(t)[name]
		seq := g.Answers[0].Tokens
		m := open(t, g, tensor.BF16, Options{Resident: true})
		c := m.NewCache()
		last := append(slices.Clone(seq[:len(seq)/3]), seq[0], seq[0])
		for _, text := range [][]int32{seq, last, seq[:2], seq[:2]} {
			rest := c.Resume(text)
			if len(rest) == 0 || !slices.Equal(rest, text[c.Len():]) {
				t.Fatal(name, "what is left to take in is", rest)
			}
			if name == "llama" && len(text) < len(seq) && c.Len() != min(len(text)-1, len(seq)/3) {
				t.Error(name, "resumes behind", c.Len(), "tokens of", len(text))
			}
			z, err := c.Next(t.Context(), rest)
			if err != nil {
				t.Fatal(err)
			}
			want := make([]float32, len(z))
			st, err := m.Run(t.Context(), [][]int32{text}, Hooks{})
			if err := errors.Join(err, st.Logits(want, 0, len(text)-1)); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(bits(z), bits(want)) {
				t.Errorf("%s: behind %d tokens the cache gives other logits", name, len(text))
			}
		}
	}
}

// Greedy text is what the logits say; sampled text depends on the key alone.
func TestGenerate(t *testing.T) {
	g := goldens(t)["qwen3"]
	m := open(t, g, tensor.BF16, Options{})
	run := func(s Sampling) []int32 {
		out, err := m.NewCache().Generate(t.Context(), g.Answers[1].Tokens, 12, s, nil)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	text := slices.Clone(g.Answers[1].Tokens)
	for _, id := range run(Sampling{}) {
		scores, err := m.Score(t.Context(), [][]int32{append(text[:len(text):len(text)], id)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if last := scores[0][len(text)-1]; !last.Greedy() || last.Top != id {
			t.Fatalf("token %d behind %d is not the likeliest, %d", id, len(text), last.Top)
		}
		text = append(text, id)
	}
	s := Sampling{Temperature: 1.5, TopK: 40, TopP: 0.95, Key: rng.NewKey(1, "test", "", "", "sample")}
	one, same := run(s), run(s)
	s.Key = rng.NewKey(2, "test", "", "", "sample")
	if d := cmp.Diff(one, same); d != "" || slices.Equal(one, run(s)) {
		t.Error("sampling must depend on the key, and on nothing else:", d)
	}
}

// The hooks see every linear layer's input and may stop a run.
func TestHooks(t *testing.T) {
	g := goldens(t)["qwen3_moe"]
	m := open(t, g, tensor.BF16, Options{})
	seen := map[string]int{}
	weights := map[string]bool{}
	_, err := m.Run(t.Context(), g.batch(), Hooks{Input: func(in Input) error {
		seen[in.Name] += in.N
		for _, w := range in.Weights {
			weights[w] = true
		}
		if len(in.Row(in.N-1)) != in.Cols || in.Expert >= 0 && len(in.Routes) != in.N {
			t.Error("rows of", in.Name)
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int{"attn.in": 141, "attn.out": 141, "ffn.in": 47, "ffn.mid": 47, "moe.in": 94, "expert.in": 282, "expert.mid": 282}
	if d := cmp.Diff(want, seen); d != "" {
		t.Error(d)
	}
	if len(weights) != 3*4+3+2*3 {
		t.Error("weights seen:", weights)
	}
	stop := errors.New("stop")
	if _, err := m.Run(t.Context(), g.batch(), Hooks{Hidden: func(r Rows) error { return stop }}); !errors.Is(err, stop) {
		t.Error("a hook's error was lost:", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.Run(ctx, g.batch(), Hooks{}); !errors.Is(err, context.Canceled) {
		t.Error("cancelled run:", err)
	}
}

// A window as long as the text is no window, and dropping all branches leaves
// the embedding.
func TestIdentities(t *testing.T) {
	g := goldens(t)["mistral"]
	seq := [][]int32{g.Answers[0].Tokens}
	wide := g
	wide.Config = bytes.ReplaceAll(g.Config, []byte(`"sliding_window":8`), []byte(`"sliding_window":40`))
	none := g
	none.Config = bytes.ReplaceAll(g.Config, []byte(`"sliding_window":8`), []byte(`"sliding_window":null`))
	a, b := allRows(t, open(t, wide, tensor.BF16, Options{}), seq, 0), allRows(t, open(t, none, tensor.BF16, Options{}), seq, 0)
	if !bytes.Equal(a, b) {
		t.Error("a window over everything changes something")
	}
	var first, last []float32
	_, err := open(t, g, tensor.BF16, Options{}).Run(t.Context(), seq, Hooks{
		Branch: func(int, int) float32 { return 0 },
		Hidden: func(r Rows) error {
			if r.Layer < 0 {
				first = slices.Clone(r.X)
			}
			last = slices.Clone(r.X)
			return nil
		},
	})
	if err != nil || !slices.Equal(first, last) {
		t.Error("dropped branches left something", err)
	}
}

func TestPool(t *testing.T) {
	g := goldens(t)["bert"]
	st, err := open(t, g, tensor.F32, Options{}).Run(t.Context(), g.batch(), Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	v, err := st.Pool(1, Mean, true)
	if err != nil {
		t.Fatal(err)
	}
	sum, mean := 0.0, make([]float64, len(v))
	for i := range g.Answers[1].Tokens {
		for j, x := range st.Row(1, i) {
			mean[j] += float64(x)
		}
	}
	for _, x := range mean {
		sum += x * x
	}
	for j := range v {
		if math.Abs(float64(v[j])-mean[j]/math.Sqrt(sum)) > 1e-6 {
			t.Fatal("mean of rows, of length one", v[j], mean[j])
		}
	}
	if _, err := st.Pool(0, "sum", false); err == nil {
		t.Error("unknown pooling passes")
	}
}

// With all blocks replaced by those of another model, a run is that model's.
func TestReplace(t *testing.T) {
	g := goldens(t)["llama"]
	other := g.source(tensor.BF16)
	for name, b := range other.data {
		if strings.Contains(name, "layers.") {
			slices.Reverse(b) // other numbers, finite ones
			for i := 1; i < len(b); i += 2 {
				b[i-1], b[i] = b[i], b[i-1]
			}
		}
	}
	whole, err := Open(other, g.Config, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := allRows(t, whole, g.batch(), 0)
	seen := 0
	st, err := open(t, g, tensor.BF16, Options{}).Run(t.Context(), g.batch(), Hooks{
		Input:   func(Input) error { seen++; return nil },
		Replace: func(layer int) (tensor.Source, error) { return other, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []byte
	for i := range g.batch()[0] {
		got = append(got, bits(st.Row(0, i))...)
	}
	if !bytes.Equal(got, want) || seen != 3*4 {
		t.Error("replaced blocks give other states, or the hook saw them:", seen)
	}
}
