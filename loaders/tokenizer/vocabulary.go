package tokenizer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// The types of tokens in sentencepiece models and GGUF files.
const (
	Normal      int32 = 1
	Unknown     int32 = 2
	Control     int32 = 3
	UserDefined int32 = 4
	Unused      int32 = 5
	Byte        int32 = 6
)

// Vocab is a vocabulary as a GGUF header holds it under tokenizer.ggml, key by
// key. A reader of such headers fills it in.
type Vocab struct {
	Kind   string // .model: "llama", "gpt2", "bert", "t5" or "gemma4"
	Pre    string // .pre: how gpt2 splits; "default" for llama.cpp's fallback
	Tokens []string
	Scores []float32 // llama and t5; for llama, what merges first
	Types  []int32   // none: all Normal
	Merges []string  // gpt2 and gemma4: "a b"
	// CharsMap is .precompiled_charsmap.
	CharsMap []byte
	// Special are the ids of roles that the header names: bos, eos, unk, sep,
	// pad, mask, cls. Those that it does not name have the defaults of the kind.
	Special map[string]int32
	// AddBOS, AddEOS, AddSpacePrefix and RemoveExtraSpaces are nil where the
	// header does not say.
	AddBOS, AddEOS, AddSpacePrefix, RemoveExtraSpaces *bool
	// Templates are chat templates by name; "default" for the one without.
	Templates map[string]string
}

// FromVocab makes the tokenizer of a vocabulary.
func FromVocab(v Vocab) (*Tokenizer, error) {
	t := new(Tokenizer)
	b := builder{Vocab: v, t: t}
	if err := b.check(); err != nil {
		return nil, err
	}
	build := map[string]func() error{"llama": b.sentencepieceBPE, "t5": b.sentencepieceUnigram, "gpt2": b.byteLevel, "bert": b.wordPiece, "gemma4": b.gemma}[v.Kind]
	if build == nil {
		return nil, fmt.Errorf("vocabularies of kind %q are not known to roux: it reads llama, gpt2, bert, t5 and gemma4", v.Kind)
	}
	if err := build(); err != nil {
		return nil, err
	}
	if err := b.addTokens(); err != nil {
		return nil, err
	}
	b.name()
	t.seal(b.bytes())
	return t, nil
}

type builder struct {
	Vocab
	t        *Tokenizer
	ids      map[string]int32 // all tokens
	spm      bool             // sentencepiece itself, not llama.cpp, says how text is read
	asSuffix bool             // ▁ stands after words
}

// check refuses what cannot be a vocabulary and gives empty tokens a name.
func (b *builder) check() error {
	n := len(b.Tokens)
	switch {
	case n == 0:
		return errors.New("the vocabulary has no tokens")
	case n > maxID:
		return fmt.Errorf("the vocabulary has %d tokens, more than %d", n, maxID)
	case len(b.Types) != 0 && len(b.Types) != n, len(b.Scores) != 0 && len(b.Scores) != n:
		return fmt.Errorf("the vocabulary has %d tokens, but %d types and %d scores", n, len(b.Types), len(b.Scores))
	case len(b.Scores) == 0 && (b.Kind == "llama" || b.Kind == "t5"):
		return fmt.Errorf("a vocabulary of kind %s needs scores", b.Kind)
	}
	for i, s := range b.Scores {
		if math.IsNaN(float64(s)) || math.IsInf(float64(s), 0) {
			return fmt.Errorf("the score of token %d, %q, is not a number", i, b.Tokens[i])
		}
	}
	tokens := make([]string, n)
	b.ids = make(map[string]int32, n)
	for i, s := range b.Tokens {
		if s == "" {
			s = fmt.Sprintf("[EMPTY_%d]", i)
		}
		if at, twice := b.ids[s]; twice {
			return fmt.Errorf("the token %q stands at %d and at %d", s, at, i)
		}
		tokens[i], b.ids[s] = s, int32(i)
	}
	b.Tokens = tokens
	for role, id := range b.Special {
		if id >= int32(n) {
			return fmt.Errorf("the %s token is %d, and there are %d tokens", role, id, n)
		}
	}
	return nil
}

func (b *builder) kind(i int32) int32 {
	if len(b.Types) == 0 {
		return Normal
	}
	return b.Types[i]
}

// special is the id of a role, -1 if there is none.
func (b *builder) special(role string) int32 {
	if id, ok := b.Special[role]; ok {
		return id
	}
	def, ok := map[string]map[string]int32{
		"llama": {"bos": 1, "eos": 2, "unk": 0},
		"gpt2":  {"bos": 11, "eos": 11},
		"bert":  {"cls": 101, "sep": 102, "unk": 100, "pad": 0, "mask": 103},
		"t5":    {"eos": 1, "unk": 2, "pad": 0},
	}[b.Kind][role]
	if !ok || int(def) >= len(b.Tokens) {
		return -1
	}
	return def
}

func or(b *bool, def bool) bool {
	if b == nil {
		return def
	}
	return *b
}

// addTokens makes added tokens of control tokens, and of those that users have
// defined unless the model looks for them itself.
func (b *builder) addTokens() error {
	var list []addedToken
	for i, s := range b.Tokens {
		switch k := b.kind(int32(i)); {
		case k == Control, k == Unknown && !b.spm, k == UserDefined && !b.spm:
			list = append(list, addedToken{ID: int32(i), Content: s, Special: k != UserDefined})
		}
	}
	return b.t.added.add(list, b.t.vocab, nil)
}

// name sets the roles, the special tokens beside the text, and the templates.
func (b *builder) name() {
	b.t.config.named = map[string]string{}
	for _, role := range roles {
		if id := b.special(role); id >= 0 {
			b.t.config.named[role] = b.Tokens[id]
		}
	}
	b.t.config.templates = b.Templates
	if b.Kind == "bert" {
		cls, sep := b.special("cls"), b.special("sep")
		if cls >= 0 && sep >= 0 {
			b.t.post = []postprocessor{around{cls: special{b.Tokens[cls], []int32{cls}}, sep: special{b.Tokens[sep], []int32{sep}}}}
		}
		return
	}
	_, bos := preTokenizers()[b.Pre]
	bos = bos && preTokenizers()[b.Pre].bos
	b.t.setAffixes(or(b.AddBOS, b.Kind == "llama" || b.Kind == "gemma4" || b.Kind == "gpt2" && bos), or(b.AddEOS, b.Kind == "t5"))
}

// bytes is all that the digest of the tokenizer covers.
func (b *builder) bytes() []byte {
	// What is put beside the text follows from these.
	out := fmt.Appendf(nil, "%s %s %t %t %v\n", b.Kind, b.Pre, b.spm, b.asSuffix, b.Special)
	for _, p := range []*bool{b.AddBOS, b.AddEOS, b.AddSpacePrefix, b.RemoveExtraSpaces} {
		out = fmt.Appendf(out, "%t %t\n", p != nil, or(p, false))
	}
	for i, s := range b.Tokens {
		out = fmt.Appendf(out, "%q %d", s, b.kind(int32(i)))
		if len(b.Scores) > 0 {
			out = binary.LittleEndian.AppendUint32(out, math.Float32bits(b.Scores[i]))
		}
	}
	for _, m := range b.Merges {
		out = fmt.Appendf(out, "%q", m)
	}
	return append(out, b.CharsMap...)
}
