package tokenizer

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// fromGolden is a tokenizer of the golden file.
func fromGolden(t testing.TB, name string) *Tokenizer {
	for _, c := range readGolden(t).Tokenizers {
		if c.Name == name {
			k, err := Parse(c.Tokenizer)
			if err != nil {
				t.Fatal(err)
			}
			return k
		}
	}
	t.Fatalf("no golden tokenizer %q", name)
	return nil
}

// FuzzParse gives any JSON to the reader of tokenizer.json; what it takes must
// encode and decode anything.
func FuzzParse(f *testing.F) {
	for _, c := range readGolden(f).Tokenizers {
		if len(c.Tokenizer) < 1200 {
			f.Add([]byte(c.Tokenizer), "a <s> b é\xff")
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, text string) {
		k, err := Parse(data)
		if err != nil {
			return
		}
		exercise(t, k, text)
	})
}

// exercise holds a tokenizer to what is true of all.
func exercise(t *testing.T, k *Tokenizer, text string) {
	for _, o := range []Options{{}, {Add: true, Parse: true}} {
		e, err := k.EncodeWithOffsets(text, o)
		ids, err2 := k.Encode(text, o)
		if (err == nil) != (err2 == nil) {
			t.Fatalf("%q: %v and %v", text, err, err2)
		}
		if err != nil {
			continue
		}
		if !same(ids, e.IDs) || len(e.Offsets) != len(e.IDs) || len(e.Types) != len(e.IDs) {
			t.Fatalf("%q: %v, with offsets %v", text, ids, e)
		}
		for i, p := range e.Offsets {
			if p.Start < 0 || p.Start > p.End || p.End > len(text) {
				t.Fatalf("%q: token %d at %v", text, i, p)
			}
		}
		if s := k.Decode(ids, false); !utf8.ValidString(s) {
			t.Fatalf("%q: decoded to %q", text, s)
		}
	}
	k.Decode([]int32{-1, 0, 1 << 30}, true)
}

// smallModels are sentencepiece models of a few pieces, unigram and BPE with
// bytes. Small ones, because Go's fuzzer spends its time on making large inputs
// smaller.
var smallModels = []string{
	"Cg4KBTx1bms+FQAAAAAYAgoMCgM8cz4VAAAAABgDCg0KBDwvcz4VAAAAABgDCg0KBOKWgWEVAACAvxgBCgwKA+KWgRUAAADAGAEKCgoBYRUAAEDAGAEKCgoBYhUAAEDAGAEKCwoCYWIVAACAwBgEEgUYAZgCABoCGAE=",
	"Cg4KBTx1bms+FQAAAAAYAgoMCgM8cz4VAAAAABgDCg0KBDwvcz4VAAAAABgDCg0KBOKWgWEVAACAvxgBCgwKA+KWgRUAAADAGAEKCgoBYRUAAEDAGAEKCgoBYhUAAEDAGAEKCwoCYWIVAACAwBgECg8KBjwweDYyPhUAAAAAGAYSBRgCmAIBGgIYAQ==",
}

// FuzzSentencePiece does the same for sentencepiece models.
func FuzzSentencePiece(f *testing.F) {
	for _, s := range smallModels {
		model, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(model, "a  b é\xff")
	}
	f.Fuzz(func(t *testing.T, data []byte, text string) {
		if k, err := ParseSentencePiece(data); err == nil {
			exercise(t, k, text)
		}
	})
}

// FuzzEncode holds every kind of tokenizer to its word on any text, and
// byte-level ones to give the text back.
func FuzzEncode(f *testing.F) {
	var all []*Tokenizer
	var whole []bool
	for _, c := range readGolden(f).Tokenizers {
		k, err := Parse(c.Tokenizer)
		if err != nil {
			f.Fatal(err)
		}
		all, whole = append(all, k), append(whole, c.Name == "bpe byte level")
	}
	for _, s := range []string{"", " a  b\r\n", "don't <s>x</s> 123", "\xff\xf0\x9f\x91a", "é e\u0301 漢字 ▁ Ġ", strings.Repeat("a", 300)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for i, k := range all {
			exercise(t, k, text)
			if !whole[i] {
				continue
			}
			ids, err := k.Encode(text, Options{})
			if err != nil {
				t.Fatal(err)
			}
			// Tokens that take white space in do not give back how much.
			if got, want := k.Decode(ids, false), valid(text, true).s; got != want && !strings.ContainsAny(want, "<[Ut") && got != want {
				t.Fatalf("%q came back as %q", want, got)
			}
		}
	})
}

// FuzzPattern rewrites any pattern of Oniguruma and compiles it.
func FuzzPattern(f *testing.F) {
	for _, expr := range splits {
		f.Add(expr, "it's 12 a\n")
	}
	f.Fuzz(func(t *testing.T, expr, text string) {
		p, err := compile(expr)
		if err != nil || len(text) > 20 {
			return
		}
		last, steps := 0, int64(100_000)
		_ = p.each(valid(text, true).s, &steps, func(a, b int) {
			if a < last || b < a {
				t.Fatalf("%q on %q: match %d to %d after %d", expr, text, a, b, last)
			}
			last = b
		})
	})
}

// FuzzVocab gives any vocabulary to FromVocab.
func FuzzVocab(f *testing.F) {
	f.Add([]byte(`{"Kind":"llama","Tokens":["<unk>","<s>","</s>","▁a","a"],"Scores":[0,0,0,-1,-2],"Types":[2,3,3,1,1]}`), "a b")
	f.Add([]byte(`{"Kind":"gpt2","Pre":"gpt-2","Tokens":["a","b","ab"],"Merges":["a b"]}`), "ab")
	f.Add([]byte(`{"Kind":"bert","Tokens":["[UNK]","▁a","b"],"Types":[3,1,1],"Special":{"unk":0}}`), "ab")
	f.Add([]byte(`{"Kind":"t5","Tokens":["<pad>","</s>","<unk>","▁a"],"Scores":[0,0,0,-1],"Types":[3,3,2,1]}`), "a b")
	f.Add([]byte(`{"Kind":"gemma4","Tokens":["<unk>","a","▁"],"Types":[2,1,1],"Special":{"unk":0}}`), "a b")
	f.Fuzz(func(t *testing.T, data []byte, text string) {
		var v Vocab
		if json.Unmarshal(data, &v) != nil {
			return
		}
		if k, err := FromVocab(v); err == nil {
			exercise(t, k, text)
		}
	})
}
