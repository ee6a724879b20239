package tokenizer

import (
	"fmt"
	"sync"
)

// preTokenizer is how a family of byte-level vocabularies splits, by the name
// that GGUF headers give it.
type preTokenizer struct {
	splits       []string // patterns, one after the other
	ignoreMerges bool
	bos          bool // BOS is put before the text unless the header says otherwise
}

const (
	patternLlama3 = shortWords + `|` + wordLead + `\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*` + spaceRest
	patternQwen2  = shortWords + `|` + wordLead + `\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*` + spaceRest
	patternO200k  = wordLead + upperWords + `*` + lowerWords + `+` + shortWords + `?|` + wordLead + upperWords + `+` + lowerWords + `*` + shortWords + `?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*` + spaceRest
	patternTekken = wordLead + upperWords + `*` + lowerWords + `+|` + wordLead + upperWords + `+` + lowerWords + `*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*` + spaceRest
	patternKana   = "[一-龥\u3040-ゟ゠-ヿ]+"
)

// preTokenizers are the families that roux knows; what llama.cpp approximates
// for its own engine is written here as the tokenizers have it.
var preTokenizers = sync.OnceValue(func() map[string]preTokenizer {
	out := map[string]preTokenizer{}
	set := func(p preTokenizer, names ...string) {
		for _, n := range names {
			out[n] = p
		}
	}
	set(preTokenizer{splits: []string{patternGPT2}}, "gpt-2", "mpt", "olmo", "phi-2", "jina-v1-en", "jina-v2-code", "roberta-bpe")
	set(preTokenizer{splits: []string{patternLlama3}, ignoreMerges: true, bos: true}, "llama-bpe", "llama3", "llama-v3", "falcon3", "pixtral")
	set(preTokenizer{splits: []string{patternLlama3}}, "dbrx", "smaug-bpe", "chatglm-bpe")
	set(preTokenizer{splits: []string{patternQwen2}}, "qwen2", "stablelm2", "deepseek-r1-qwen")
	set(preTokenizer{splits: []string{`\p{N}`, patternGPT2}}, "smollm", "starcoder", "refact", "command-r", "codeshell")
	set(preTokenizer{splits: []string{patternO200k}}, "gpt-4o", "llama4")
	set(preTokenizer{splits: []string{patternTekken}, ignoreMerges: true, bos: true}, "tekken")
	set(preTokenizer{splits: []string{`\p{N}{1,3}`, patternKana, patternDeepSeek}}, "deepseek-v3")
	set(preTokenizer{splits: []string{"[\\p{P}\\$\\+<=>\\^~\\|`]+", patternGPT2, `[0-9][0-9][0-9]`}}, "falcon")
	set(preTokenizer{splits: []string{` ?[^(\s|.,!?…。，、।۔،)]+`}}, "bloom", "poro-chat", "gpt3-finnish")
	set(preTokenizer{splits: []string{` ?[^(\s|.,!?…。，、।۔،)]+`, `\p{N}`}}, "viking")
	set(preTokenizer{splits: []string{`[\p{P}\$\+<=>\^~\|]+`, patternGPT2, `\p{N}+`, `[0-9][0-9][0-9]`}}, "default")
	return out
})

// stages are the splits, and bytes in the end.
func (p preTokenizer) stages() (stages, error) {
	var out stages
	for _, expr := range p.splits {
		m, err := compile(expr)
		if err != nil {
			return nil, err
		}
		out = append(out, splitter{pattern: m, how: isolated})
	}
	return append(out, byteLevel{}), nil
}

// byteLevel is the kind gpt2.
func (b *builder) byteLevel() error {
	p, ok := preTokenizers()[b.Pre]
	switch {
	case b.Pre == "":
		return fmt.Errorf("the vocabulary does not say how it splits text (tokenizer.ggml.pre): use the model's tokenizer.json, or say default if the model was made with llama.cpp's fallback")
	case !ok:
		return fmt.Errorf("the split of the family %q is not known to roux: use the model's tokenizer.json", b.Pre)
	}
	m, err := b.merged(b.ids)
	if err != nil {
		return err
	}
	m.ignoreMerges = p.ignoreMerges
	b.t.pre, err = p.stages()
	b.t.dec = []decoder{decodeBytes}
	return err
}

// merged is a BPE model of the header's merges.
func (b *builder) merged(ids map[string]int32) (*bpe, error) {
	v, err := newVocab(b.ids)
	if err != nil {
		return nil, err
	}
	m := &bpe{vocab: v, unk: -1}
	list := make([]pair, len(b.Merges))
	for i, s := range b.Merges {
		k := 1 // a token may begin with the space
		for k < len(s) && s[k] != ' ' {
			k++
		}
		if k >= len(s) {
			return nil, fmt.Errorf("merge %d, %q, is not two tokens and a space", i, s)
		}
		list[i] = pair{s[:k], s[k+1:]}
	}
	if err := m.setMerges(list); err != nil {
		return nil, err
	}
	m.prepare(ids)
	b.t.model, b.t.vocab = m, v
	return m, nil
}

// gemma is the kind gemma4: merges of characters, with ▁ for spaces.
func (b *builder) gemma() error {
	m, err := b.merged(b.textTokens())
	if err != nil {
		return err
	}
	m.unk, m.fuseUnk, m.fallback = b.special("unk"), true, byteTokens(b.ids)
	no := false
	b.AddSpacePrefix = &no
	b.readText()
	return nil
}

// wordPiece is the kind bert. Words have a ▁ before them there, and what goes on
// inside a word has nothing.
func (b *builder) wordPiece() error {
	tokens := make([]string, len(b.Tokens))
	ids := make(map[string]int32, len(b.Tokens))
	for i, s := range b.Tokens {
		const mark = "▁"
		switch {
		case b.kind(int32(i)) != Normal:
		case len(s) > len(mark) && s[:len(mark)] == mark:
			s = s[len(mark):]
		default:
			s = "##" + s
		}
		tokens[i], ids[s] = s, int32(i)
	}
	if len(ids) != len(tokens) {
		return fmt.Errorf("%d tokens of the vocabulary are others with ▁ or ##", len(tokens)-len(ids))
	}
	v, err := newVocab(ids)
	if err != nil {
		return err
	}
	unk := b.special("unk")
	if unk < 0 {
		return fmt.Errorf("a vocabulary of kind bert needs an unknown token")
	}
	b.Tokens = tokens
	b.t.model, b.t.vocab = newWordPiece(v, tokens[unk], "##", 100), v
	b.t.norm, b.t.pre = bert(true, true, true, true), bertWords()
	b.t.dec = []decoder{decodeWordPiece("##", true)}
	return nil
}
