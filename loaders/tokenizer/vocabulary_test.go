package tokenizer

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// twin is a tokenizer of the golden file with its texts.
func twin(t *testing.T, name string) (file jsonFile, k *Tokenizer, texts []string) {
	for _, c := range readGolden(t).Tokenizers {
		if c.Name != name {
			continue
		}
		if err := json.Unmarshal(c.Tokenizer, &file); err != nil {
			t.Fatal(err)
		}
		for _, x := range c.Cases {
			texts = append(texts, x.Text)
		}
		return file, fromGolden(t, name), texts
	}
	t.Fatal("no golden tokenizer " + name)
	return
}

func equalOn(t *testing.T, got, want *Tokenizer, texts []string, o Options) {
	for _, s := range texts {
		a, errA := got.Encode(s, o)
		b, errB := want.Encode(s, o)
		if !same(a, b) || (errA == nil) != (errB == nil) {
			t.Errorf("%q: %v (%v), want %v (%v)", s, a, errA, b, errB)
		}
	}
}

func TestGGUFByteLevel(t *testing.T) {
	file, want, texts := twin(t, "bpe byte level")
	var m struct{ Merges [][2]string }
	if err := json.Unmarshal(file.Model, &m); err != nil {
		t.Fatal(err)
	}
	v := Vocab{Kind: "gpt2", Pre: "gpt-2", Tokens: slices.Clone(want.vocab.tokens), Types: make([]int32, len(want.vocab.tokens)), Special: map[string]int32{"bos": 0, "eos": 0}}
	for i := range v.Types {
		v.Types[i] = Normal
	}
	v.Types[0] = Control
	for _, p := range m.Merges {
		v.Merges = append(v.Merges, p[0]+" "+p[1])
	}
	got, err := FromVocab(v)
	if err != nil {
		t.Fatal(err)
	}
	texts = slices.DeleteFunc(texts, func(s string) bool { return strings.ContainsAny(s, "<[Ut") }) // what the twin has added tokens for
	equalOn(t, got, want, texts, Options{})
	if ids, _ := got.Encode("a<|endoftext|>", Options{Parse: true}); ids[len(ids)-1] != 0 {
		t.Errorf("the control token was not parsed: %v", ids)
	}
	if ids, _ := got.Encode("a<|endoftext|>", Options{}); slices.Contains(ids, 0) {
		t.Errorf("the control token was parsed: %v", ids)
	}
	yes := true
	v.AddBOS = &yes
	if got, err = FromVocab(v); err != nil {
		t.Fatal(err)
	}
	if ids, _ := got.Encode("a", Options{Add: true}); ids[0] != 0 {
		t.Errorf("no BOS: %v", ids)
	}
}

func TestGGUFWordPiece(t *testing.T) {
	_, want, texts := twin(t, "wordpiece")
	v := Vocab{Kind: "bert", Special: map[string]int32{"unk": 1, "cls": 2, "sep": 3, "pad": 0, "mask": 4}}
	for i, s := range want.vocab.tokens {
		kind := Normal
		if i < 5 {
			kind = Control
		} else if rest, inner := strings.CutPrefix(s, "##"); inner {
			s = rest
		} else {
			s = "▁" + s
		}
		v.Tokens, v.Types = append(v.Tokens, s), append(v.Types, kind)
	}
	got, err := FromVocab(v)
	if err != nil {
		t.Fatal(err)
	}
	texts = slices.DeleteFunc(texts, func(s string) bool { return strings.ContainsAny(s, "<[Ut") })
	equalOn(t, got, want, texts, Options{Add: true})
}

// spmVocab is a golden sentencepiece model as a GGUF file would hold it.
func spmVocab(t *testing.T, name, kind string) (Vocab, *Tokenizer, []string) {
	for _, c := range readGolden(t).SentencePiece {
		if c.Name != name {
			continue
		}
		b := builder{t: new(Tokenizer), spm: true}
		b.Special = map[string]int32{"unk": 0, "bos": 1, "eos": 2}
		if err := b.model(c.Model); err != nil {
			t.Fatal(err)
		}
		k, err := ParseSentencePiece(c.Model)
		if err != nil {
			t.Fatal(err)
		}
		var texts []string
		for _, x := range c.Cases {
			if !strings.Contains(x.Text, "\t") && !strings.Contains(x.Text, "  ") && !strings.Contains(x.Text, "<") {
				texts = append(texts, x.Text)
			}
		}
		b.Kind = kind
		return b.Vocab, k, texts
	}
	t.Fatal("no golden model " + name)
	return Vocab{}, nil, nil
}

func TestGGUFSentencePiece(t *testing.T) {
	v, want, texts := spmVocab(t, "bpe", "llama")
	got, err := FromVocab(v)
	if err != nil {
		t.Fatal(err)
	}
	equalOn(t, got, want, texts, Options{})
	if ids, _ := got.Encode("a b", Options{Add: true}); ids[0] != 1 {
		t.Errorf("a llama vocabulary puts BOS first: %v", ids)
	}
	v, want, texts = spmVocab(t, "unigram", "t5")
	v.Special = map[string]int32{"unk": 0, "eos": 2}
	if got, err = FromVocab(v); err != nil {
		t.Fatal(err)
	}
	equalOn(t, got, want, texts, Options{})
	if ids, _ := got.Encode("a b", Options{Add: true}); ids[len(ids)-1] != 2 {
		t.Errorf("a t5 vocabulary puts EOS last: %v", ids)
	}
}

func TestGGUFGemma(t *testing.T) {
	file, _, texts := twin(t, "bpe byte fallback")
	var m struct {
		Vocab  map[string]int32
		Merges [][2]string
	}
	if err := json.Unmarshal(file.Model, &m); err != nil {
		t.Fatal(err)
	}
	file.AddedTokens, file.PostProcessor = nil, nil
	file.Normalizer = json.RawMessage(`{"type":"Replace","pattern":{"String":" "},"content":"▁"}`)
	want := new(Tokenizer)
	if err := want.assemble(&file); err != nil {
		t.Fatal(err)
	}
	want.seal()
	v := Vocab{Kind: "gemma4", Tokens: make([]string, len(m.Vocab)), Types: make([]int32, len(m.Vocab)), Special: map[string]int32{"unk": 0}}
	for s, id := range m.Vocab {
		v.Tokens[id], v.Types[id] = s, Normal
	}
	for _, p := range m.Merges {
		v.Merges = append(v.Merges, p[0]+" "+p[1])
	}
	got, err := FromVocab(v)
	if err != nil {
		t.Fatal(err)
	}
	equalOn(t, got, want, texts, Options{})
}

func TestBadVocabularies(t *testing.T) {
	for name, c := range map[string]struct {
		v    Vocab
		want string
	}{
		"none":     {Vocab{Kind: "gpt2"}, "no tokens"},
		"kind":     {Vocab{Kind: "rwkv", Tokens: []string{"a"}}, `"rwkv"`},
		"twice":    {Vocab{Kind: "gpt2", Pre: "gpt-2", Tokens: []string{"a", "a"}}, `"a" stands at 0 and at 1`},
		"scores":   {Vocab{Kind: "llama", Tokens: []string{"a"}}, "needs scores"},
		"types":    {Vocab{Kind: "gpt2", Tokens: []string{"a", "b"}, Types: []int32{1}}, "2 tokens, but 1 types"},
		"no pre":   {Vocab{Kind: "gpt2", Tokens: []string{"a"}}, "tokenizer.ggml.pre"},
		"pre":      {Vocab{Kind: "gpt2", Pre: "x9", Tokens: []string{"a"}}, `"x9"`},
		"merge":    {Vocab{Kind: "gpt2", Pre: "gpt-2", Tokens: []string{"a"}, Merges: []string{"aa"}}, "two tokens and a space"},
		"no merge": {Vocab{Kind: "gpt2", Pre: "gpt-2", Tokens: []string{"a"}, Merges: []string{"a b"}}, "not in the vocabulary"},
		"special":  {Vocab{Kind: "gpt2", Pre: "gpt-2", Tokens: []string{"a"}, Special: map[string]int32{"bos": 7}}, "bos token is 7"},
	} {
		if _, err := FromVocab(c.v); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestEveryPresetCompiles(t *testing.T) {
	for name, p := range preTokenizers() {
		if _, err := p.stages(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
