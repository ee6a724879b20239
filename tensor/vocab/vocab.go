// Package vocab reads, edits and writes a tokenizer.json at the level of its
// vocabulary: which token has which id. What it does not need to understand
// (normalizer, pre-tokenizer, decoder) it carries along to the letter. It
// knows the models BPE, Unigram, WordPiece and WordLevel.
package vocab

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Model types of a tokenizer.json.
const (
	BPE       = "BPE"
	Unigram   = "Unigram"
	WordPiece = "WordPiece"
	WordLevel = "WordLevel"
)

// MaxFile bounds the size of a tokenizer.json.
const MaxFile = 256 << 20

// maxID bounds ids: tables are made by id.
const maxID = 1 << 24

// LargestID is the largest id that a vocabulary of so many tokens may use.
// Real ones have few gaps or none; a small file could otherwise ask for tables
// of millions of rows.
func LargestID(tokens int) int { return min(maxID-1, 8*tokens+1<<16) }

// Added is a token that is cut out of a text before the model sees it.
type Added struct {
	ID         int    `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"`
	RStrip     bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"`
	Special    bool   `json:"special"`
}

// Plain returns an added token as it comes of a bare string.
func Plain(content string) Added { return Added{Content: content, Normalized: true} }

// piece is a token of the model's own vocabulary.
type piece struct {
	text  string
	id    int
	score json.RawMessage // of Unigram, as it is spelled
}

// Tokenizer is a vocabulary with all that stands around it. Its methods that
// change it are not for several goroutines at once; the others are.
type Tokenizer struct {
	top    object // the document
	model  object // its member "model"
	kind   string
	pieces []piece // by id
	added  []Added // by id
	ids    map[string]int
	size   int // largest id + 1
	fresh  int // added tokens that the model lacks
}

// Kind is the type of the model, such as BPE.
func (t *Tokenizer) Kind() string { return t.kind }

// Size is the least number of rows that an embedding needs: the largest id and
// one.
func (t *Tokenizer) Size() int { return t.size }

// Len is the number of tokens.
func (t *Tokenizer) Len() int { return len(t.ids) }

// ID returns the id of a token, or false.
func (t *Tokenizer) ID(token string) (int, bool) {
	id, ok := t.ids[token]
	return id, ok
}

// Text returns the token that has an id, or false.
func (t *Tokenizer) Text(id int) (string, bool) {
	if i, ok := slices.BinarySearchFunc(t.pieces, id, func(p piece, id int) int { return p.id - id }); ok {
		return t.pieces[i].text, true
	}
	if i, ok := slices.BinarySearchFunc(t.added, id, func(a Added, id int) int { return a.ID - id }); ok {
		return t.added[i].Content, true
	}
	return "", false
}

// Token is one entry of the vocabulary.
type Token struct {
	Text  string
	ID    int
	Added *Added // nil for a token of the model alone
}

// Tokens lists the vocabulary by id.
func (t *Tokenizer) Tokens() []Token {
	flags := make(map[string]*Added, len(t.added))
	for i := range t.added {
		flags[t.added[i].Content] = &t.added[i]
	}
	tokens := make([]Token, 0, len(t.ids))
	for _, p := range t.pieces {
		tokens = append(tokens, Token{p.text, p.id, flags[p.text]})
		delete(flags, p.text)
	}
	for i := range t.added {
		if a := &t.added[i]; flags[a.Content] == a {
			tokens = append(tokens, Token{a.Content, a.ID, a})
		}
	}
	slices.SortStableFunc(tokens, func(a, b Token) int { return a.ID - b.ID })
	return tokens
}

// Added lists the added tokens by id. The caller must not change it.
func (t *Tokenizer) Added() []Added { return t.added }

// Spelling says how the pieces spell text: "byte-level" (every byte is a
// visible character, a space is Ġ), "byte-fallback" (a space is ▁, what has no
// piece becomes <0x..>), "wordpiece" (## inside words) or "plain".
func (t *Tokenizer) Spelling() string {
	switch {
	case t.mentions(`"ByteLevel"`, "pre_tokenizer", "decoder", "normalizer"):
		return "byte-level"
	case t.kind == WordPiece:
		return "wordpiece"
	case strings.TrimSpace(string(t.model.get("byte_fallback"))) == "true":
		return "byte-fallback"
	}
	return "plain"
}

// WordStart is what begins a piece that begins a word, Ġ or ▁; empty when
// pieces do not say.
func (t *Tokenizer) WordStart() string {
	switch {
	case t.Spelling() == "byte-level":
		return "Ġ"
	case t.Spelling() == "byte-fallback", t.mentions("▁", "pre_tokenizer", "decoder", "normalizer"), t.mentions(`"Metaspace"`, "pre_tokenizer", "decoder"):
		return "▁"
	}
	return ""
}

func (t *Tokenizer) mentions(what string, members ...string) bool {
	return slices.ContainsFunc(members, func(m string) bool { return strings.Contains(string(t.top.get(m)), what) })
}

// Describe names the kind for messages, such as "BPE, byte-level".
func (t *Tokenizer) Describe() string { return t.kind + ", " + t.Spelling() }

// Mismatch says why the tokens of two vocabularies cannot be told apart or
// matched by their text, and what joining them would lose; nil when they can.
func Mismatch(a, b *Tokenizer) error {
	if a.kind == b.kind && a.Spelling() == b.Spelling() {
		return nil
	}
	var lost []string
	if a.kind != b.kind {
		lost = append(lost, map[string]string{BPE: "the merges", Unigram: "the scores of the pieces", WordPiece: "the pieces inside words", WordLevel: "the whole words"}[b.kind])
	}
	if a.Spelling() != b.Spelling() {
		lost = append(lost, "the match of tokens that mean the same and are spelled otherwise")
	}
	return fmt.Errorf("the tokenizers are of different kinds, %s and %s: %s of the second would be lost", a.Describe(), b.Describe(), strings.Join(lost, " and "))
}
