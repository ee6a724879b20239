package tokenizer

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/schema"
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/vocab"
)

// places knows the two tables of the models here.
type places struct{}

func (places) Role(name string, _ tensor.Shape) tensor.Role {
	return tensor.Role{Layer: -1, Kind: map[string]tensor.Kind{"embed": tensor.Embed, "head": tensor.Head}[name]}
}

func (places) Layers() int { return 0 }

// header is a model with a vocabulary and so many rows.
func header(name string, v *vocab.Tokenizer, rows int) ops.Header {
	infos := []tensor.Info{{Name: "embed", DType: tensor.F32, Shape: tensor.Shape{rows, 2}}, {Name: "head", DType: tensor.F32, Shape: tensor.Shape{rows, 2}}}
	return ops.NewHeader(name, infos, &tensor.Model{Roles: places{}, Vocab: func() (*vocab.Tokenizer, error) { return v, nil }})
}

// drawn makes a vocabulary of some of a few tokens, some of them added ones.
func drawn(t *rapid.T, label string) *vocab.Tokenizer {
	tokens := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f", "g", "h"}), 1, 6, rapid.ID).Draw(t, label)
	added := rapid.IntRange(0, len(tokens)-1).Draw(t, label+" added")
	ids, list := map[string]int{}, []vocab.Added{}
	for i, tok := range tokens {
		if i < len(tokens)-added {
			ids[tok] = i
		} else {
			list = append(list, vocab.Added{ID: i, Content: tok, Special: true})
		}
	}
	text, err := json.Marshal(map[string]any{"added_tokens": list, "model": map[string]any{"type": "WordLevel", "vocab": ids}})
	if err != nil {
		t.Fatal(err)
	}
	v, err := vocab.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestRowsMeanTheirTokens: whatever the vocabularies and params, every row of
// every model's table is made of rows of the token that it stands for, the
// model's own if it has one, and all models come to have the same tokens.
func TestRowsMeanTheirTokens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := []string{"x", "y", "z"}[:rapid.IntRange(1, 3).Draw(t, "models")]
		var vocabs []*vocab.Tokenizer
		var heads []ops.Header
		p := &align{Source: rapid.SampledFrom([]string{"union", "special", "base"}).Draw(t, "source"), Beyond: "error", Missing: "error",
			Trim: rapid.Bool().Draw(t, "trim"), Pad: rapid.SampledFrom([]int{0, 4}).Draw(t, "pad")}
		for _, name := range names {
			v := drawn(t, name)
			vocabs, heads = append(vocabs, v), append(heads, header(name, v, v.Size()+rapid.IntRange(0, 3).Draw(t, name+" unused")))
			p.Models = append(p.Models, schema.Ref{Name: name})
		}
		if rapid.Bool().Draw(t, "base") {
			p.Base = rapid.SampledFrom(p.Models).Draw(t, "base")
		}
		var rows []int
		for own := range names {
			p.Model = schema.Ref{Name: names[own]}
			in := append([]ops.Header{heads[own]}, heads...)
			if p.Base.Name != "" {
				in = append(in, heads[slices.Index(names, p.Base.Name)])
			}
			units, err := alignPlan(p, in)
			if err != nil {
				t.Fatal(err)
			}
			var out tensor.Model
			if err := alignRide(p, in, &out); err != nil {
				t.Fatal(err)
			}
			shared, _ := out.Vocab()
			for _, u := range units {
				rows = append(rows, u.Out[0].Shape[0])
				checkRows(t, u, in, shared, vocabs[own])
			}
		}
		if slices.Min(rows) != slices.Max(rows) {
			t.Fatalf("tables of %v rows", rows)
		}
	})
}

func checkRows(t *rapid.T, u ops.Unit, in []ops.Header, shared, own *vocab.Tokenizer) {
	infos := make([]tensor.Info, len(u.In))
	for i, o := range u.In {
		infos[i], _ = in[o.Port].Info(o.Name)
	}
	if err := u.Check(infos); err != nil {
		t.Fatal(err)
	}
	for _, tok := range shared.Tokens() {
		lenders := 0
		for i, m := range u.Rows {
			if m[tok.ID] == ops.None {
				continue
			}
			lenders++
			v, _ := in[u.In[i].Port].Vocab()
			if text, _ := v.Text(int(m[tok.ID])); text != tok.Text {
				t.Fatalf("the row of %q is one of %q", tok.Text, text)
			}
			if _, has := own.ID(tok.Text); has && in[u.In[i].Port].Name != in[0].Name {
				t.Fatalf("the model has %q and takes it from %s", tok.Text, in[u.In[i].Port].Name)
			}
		}
		if lenders == 0 {
			t.Fatalf("%q has no row", tok.Text)
		}
	}
}

// TestEveryKind: two tokenizers of each kind are united; the file that comes of
// it is read again with the same ids, and the first one's ids stay.
func TestEveryKind(t *testing.T) {
	for _, kind := range []string{"bytefallback", "bytelevel", "unigram", "wordpiece"} {
		text, err := os.ReadFile(filepath.Join("..", "..", "tensor", "vocab", "testdata", kind+".json"))
		if err != nil {
			t.Fatal(err)
		}
		a, err := vocab.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		b := a.Clone()
		for _, tok := range []vocab.Added{vocab.Plain("qqq"), {Content: "<|end|>", Special: true}} {
			if _, err := b.Add(tok); err != nil {
				t.Fatal(err)
			}
		}
		p := &align{Model: schema.Ref{Name: "a"}, Models: []schema.Ref{{Name: "a"}, {Name: "b"}}, Source: "union", Beyond: "error", Missing: "error"}
		in := []ops.Header{header("a", a, a.Size()), header("a", a, a.Size()), header("b", b, b.Size())}
		var out tensor.Model
		if err := alignRide(p, in, &out); err != nil {
			t.Fatal(kind, err)
		}
		v, _ := out.Vocab()
		file, err := v.Encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := vocab.Parse(file)
		if err != nil || !vocab.Equal(again, v) || again.Describe() != a.Describe() {
			t.Errorf("%s: not read again as written: %v", kind, err)
		}
		for _, tok := range a.Tokens() {
			if id, ok := again.ID(tok.Text); !ok || id != tok.ID {
				t.Errorf("%s: token %q has the id %d, want %d", kind, tok.Text, id, tok.ID)
			}
		}
		if _, ok := again.ID("<|end|>"); !ok || again.Len() != a.Len()+2 {
			t.Errorf("%s: %d tokens, want %d", kind, again.Len(), a.Len()+2)
		}
	}
}

// TestMeanings: tokens are matched by what they stand for.
func TestMeanings(t *testing.T) {
	for _, c := range []struct {
		token, start string
		level        bool
		want         meaning
	}{
		{"Ġhouse", "Ġ", true, meaning{text: "house", start: true}},
		{"▁house", "▁", false, meaning{text: "house", start: true}},
		{"house", "Ġ", true, meaning{text: "house"}},
		{"Ã©", "Ġ", true, meaning{text: "é"}},
		{"Ċ", "Ġ", true, meaning{text: "\n"}},
		{"Ã", "Ġ", true, meaning{text: "Ã"}}, // half a character stays as it is
		{"東", "Ġ", true, meaning{text: "東"}},
	} {
		if got := meaningOf(vocab.Token{Text: c.token}, nil, c.start, c.level); got != c.want {
			t.Errorf("%q is %+v, want %+v", c.token, got, c.want)
		}
	}
	special := map[string]string{"<s>": "bos_token", "<|begin|>": "bos_token"}
	if meaningOf(vocab.Token{Text: "<s>"}, special, "▁", false) != meaningOf(vocab.Token{Text: "<|begin|>"}, special, "Ġ", true) {
		t.Error("tokens of one role differ")
	}
	for b := range 256 {
		token := fmt.Sprint(string(visible(byte(b))))
		if got, ok := byteOf([]rune(token)[0]); !ok || got != byte(b) {
			t.Errorf("byte %#x comes back as %#x", b, got)
		}
	}
}

// visible is the character by which GPT-2's tokenizer writes a byte, by its own
// rule: printable ones as they are, the others counted up from U+0100.
func visible(b byte) rune {
	printable := func(c int) bool { return c >= '!' && c <= '~' || c >= 0xa1 && c <= 0xac || c >= 0xae }
	if printable(int(b)) {
		return rune(b)
	}
	n := 0
	for c := range int(b) {
		if !printable(c) {
			n++
		}
	}
	return rune(0x100 + n)
}

// TestMeanHoldsLittle: the mean of a large vocabulary holds no vector for each
// of its blocks, of which there may be ten thousand.
func TestMeanHoldsLittle(t *testing.T) {
	const blocks, width = 2500, 4096
	rows := make(ops.RowMap, blocks)
	for i := range rows {
		rows[i] = int32(i)
	}
	shape := tensor.Shape{blocks, width}
	x := &ops.Pass{Unit: ops.Unit{Out: []tensor.Info{{DType: tensor.F32, Shape: shape}}, Rows: []ops.RowMap{rows}, Args: []float64{blocks}}}
	var before, after runtime.MemStats
	scan := ops.Scan{Pass: x, Blocks: blocks, Each: func(_ context.Context, f func(*ops.Block) error, _ ...int) error {
		runtime.GC()
		runtime.ReadMemStats(&before)
		ones := slices.Repeat([]float32{1}, width)
		for i := range blocks {
			if err := f(&ops.Block{Index: i, Row: i, Rows: 1, Cols: width, In: []ops.Values{{F32: ones}}}); err != nil {
				return err
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		return nil
	}}
	states, err := meanRows(t.Context(), []ops.Member[align]{{Scan: scan}})
	if err != nil || len(states[0]) != width || math.Abs(states[0][7]-1) > 1e-12 {
		t.Fatalf("%v", err)
	}
	if held := int64(after.HeapAlloc) - int64(before.HeapAlloc); held > ops.PrepareMemory {
		t.Errorf("%d bytes are held and %d may be", held, ops.PrepareMemory)
	}
}
