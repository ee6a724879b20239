// Package tokenizer turns text into token ids and back, as the tokenizers
// library of Hugging Face does with the same files: tokenizer.json, a
// sentencepiece model, or the vocabulary in a GGUF header. Files are not
// trusted: lengths are bounded, nothing in them is executed, and patterns that
// do not come to an end become errors.
package tokenizer

import (
	"errors"
	"fmt"
	"sync"
)

// Tokenizer is an immutable tokenizer, safe for concurrent use.
type Tokenizer struct {
	vocab *vocab
	model model
	added added
	norm  normalizer // nil: none
	pre   stages
	post  []postprocessor
	dec   []decoder
	plain bool // no decoder: tokens are joined by spaces

	control      []bool // which ids are control tokens
	unknown      int32  // what the model does not know; -1: none
	keepsUnknown bool
	unkText      string // what decoding writes for it; "": the token

	direct *splitter // set where pieces can go to the model as they are found
	placed bool      // whether a piece is first in the text matters
	work   sync.Pool // of *work

	config config
	digest string
}

// Options say what encoding does with special tokens.
type Options struct {
	// Add puts the special tokens beside the text that the tokenizer's
	// post-processor asks for, such as BOS or [CLS].
	Add bool
	// Parse takes special tokens that are written in the text for what they
	// say. Without it a text from anywhere cannot end a turn or a document.
	// Added tokens that are not special are always found.
	Parse bool
}

// Offset is a range of bytes of the original text; 0, 0 for special tokens that
// were put beside it.
type Offset struct{ Start, End int }

// Encoding is what a text is encoded to.
type Encoding struct {
	IDs     []int32
	Offsets []Offset
	Types   []int32 // 0 for the first text and 1 for the second, or as the tokenizer's template says
}

// maxText bounds a text: places are kept in 32 bits.
const maxText = 1 << 30

var errLong = errors.New("the text is longer than 1 GiB: cut it into documents")

// Size is one more than the largest id.
func (t *Tokenizer) Size() int {
	n := len(t.vocab.tokens)
	for id := range t.added.tokens {
		n = max(n, int(id)+1)
	}
	return n
}

// ID returns the id of a token as the vocabulary writes it.
func (t *Tokenizer) ID(token string) (int32, bool) {
	if id, ok := t.added.ids[token]; ok {
		return id, true
	}
	id, ok := t.vocab.ids[token]
	return id, ok
}

// Token returns the token of an id as the vocabulary writes it.
func (t *Tokenizer) Token(id int32) (string, bool) {
	if a, ok := t.added.tokens[id]; ok {
		return a.Content, true
	}
	return t.vocab.token(id)
}

// IsSpecial says whether an id is a control token, which decoding can skip.
func (t *Tokenizer) IsSpecial(id int32) bool { return t.added.special[t.added.tokens[id].Content] }

// Digest names all that encoding depends on: the files, and the version of the
// rules and of the Unicode tables that read them.
func (t *Tokenizer) Digest() string { return t.digest }

// Encode returns the ids of a text. Bytes that are not UTF-8 are read as U+FFFD.
// Errors are characters that a vocabulary without an unknown token does not
// know, and split patterns that run out of time.
func (t *Tokenizer) Encode(text string, o Options) ([]int32, error) {
	s, err := t.sequence(text, o, 0, true)
	if err != nil {
		return nil, err
	}
	return join(t.finish([]sequence{s}, o)).IDs, nil
}

// EncodeWithOffsets returns as well where in the text each token stands.
func (t *Tokenizer) EncodeWithOffsets(text string, o Options) (Encoding, error) {
	s, err := t.sequence(text, o, 0, false)
	if err != nil {
		return Encoding{}, err
	}
	return join(t.finish([]sequence{s}, o)), nil
}

// EncodePair encodes two texts for one input, such as a question and a passage.
// Offsets are in the text that a token comes from.
func (t *Tokenizer) EncodePair(first, second string, o Options) (Encoding, error) {
	a, err := t.sequence(first, o, 0, false)
	if err != nil {
		return Encoding{}, err
	}
	b, err := t.sequence(second, o, 1, false)
	if err != nil {
		return Encoding{}, fmt.Errorf("second text: %w", err)
	}
	return join(t.finish([]sequence{a, b}, o)), nil
}

func (t *Tokenizer) finish(in []sequence, o Options) []sequence {
	for _, p := range t.post {
		in = p.process(in, o.Add)
	}
	return in
}

func join(in []sequence) Encoding {
	if len(in) == 1 {
		return in[0].Encoding
	}
	var out Encoding
	for _, s := range in {
		out.IDs = append(out.IDs, s.IDs...)
		out.Offsets = append(out.Offsets, s.Offsets...)
		out.Types = append(out.Types, s.Types...)
	}
	return out
}

// Decode returns the text of ids. Ids without a token are passed over; special
// tokens too if skipSpecial is set.
func (t *Tokenizer) Decode(ids []int32, skipSpecial bool) string {
	tokens := make([]string, 0, len(ids))
	for _, id := range ids {
		s, ok := t.vocab.token(id)
		if _, is := t.added.tokens[id]; is {
			s, ok = t.added.text(id), true
		} else if ok && id == t.unknown && t.unkText != "" {
			s = t.unkText
		}
		if ok && (!skipSpecial || !t.added.special[s]) {
			tokens = append(tokens, s)
		}
	}
	return t.text(tokens)
}
