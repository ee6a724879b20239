package tokenizer

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// bpe merges pairs of neighbouring symbols, the pair of least rank first, then
// the leftmost (Sennrich et al., 2016).
type bpe struct {
	*vocab
	merges map[[2]int32]merged

	unk          int32 // -1: unknown characters are left out
	fuseUnk      bool  // neighbouring unknown characters are one token
	ignoreMerges bool  // a piece that is a token needs no merges
	prefix       string
	suffix       string
	fallback     *[256]int32 // ids of <0x00> to <0xFF>, -1 where missing; nil: no fallback

	// raw says that pieces are plain bytes, whose symbols are here, and not the
	// characters that stand for bytes in the vocabulary.
	raw   *[256]int32
	whole map[string]int32 // tokens by their plain bytes, when raw

	user   *prefixes      // tokens that are never cut or merged; nil: none
	chars  map[rune]int32 // symbols of single characters, without prefix and suffix
	before map[rune]bool  // characters that stand before a ▁ in a token
}

// merged is what a pair becomes.
type merged struct{ rank, id int32 }

// pair is a merge as a file holds it.
type pair [2]string

// setMerges resolves the merges; a later one of the same pair wins.
func (m *bpe) setMerges(list []pair) error {
	m.merges = make(map[[2]int32]merged, len(list))
	for rank, p := range list {
		if p == (pair{}) { // the first line of an old merges.txt
			continue
		}
		a, okA := m.ids[p[0]]
		b, okB := m.ids[p[1]]
		if !okA || !okB || len(p[1]) < len(m.prefix) {
			return fmt.Errorf("merge %d, %q and %q, is of tokens that are not in the vocabulary", rank, p[0], p[1])
		}
		id, ok := m.ids[p[0]+p[1][len(m.prefix):]]
		if !ok {
			return fmt.Errorf("merge %d makes %q, which is not in the vocabulary", rank, p[0]+p[1][len(m.prefix):])
		}
		m.merges[[2]int32{a, b}] = merged{int32(rank), id}
	}
	return nil
}

// prepare makes the tables that follow from the tokens which text can become
// and from those of the user.
func (m *bpe) prepare(ids map[string]int32) {
	m.chars = make(map[rune]int32)
	m.before = make(map[rune]bool)
	for token, id := range ids {
		r, n := utf8.DecodeRuneInString(token)
		if n == len(token) && n > 0 {
			m.chars[r] = id
		}
		m.noteBefore(token)
	}
	if m.user != nil {
		for _, token := range m.user.keys {
			m.noteBefore(token)
		}
	}
}

// noteBefore notes the characters that stand before a ▁ in a token.
func (m *bpe) noteBefore(token string) {
	for rest := token; ; {
		i := strings.Index(rest, "▁")
		if i < 0 {
			return
		}
		if i > 0 {
			r, _ := utf8.DecodeLastRuneInString(rest[:i])
			m.before[r] = true
		}
		rest = rest[i+len("▁"):]
		if strings.HasPrefix(rest, "▁") {
			m.before['▁'] = true
		}
	}
}

// useBytes switches to plain bytes; false if the vocabulary does not allow it.
func (m *bpe) useBytes() bool {
	if m.prefix != "" || m.suffix != "" || m.fallback != nil {
		return false
	}
	raw := new([256]int32)
	for b, r := range byteToChar {
		id, ok := m.ids[string(r)]
		if !ok && m.unk >= 0 {
			return false // where unknown bytes are fused, the order matters
		}
		if !ok {
			id = -1
		}
		raw[b] = id
	}
	m.raw, m.whole = raw, make(map[string]int32, len(m.ids))
	var buf []byte
	for token, id := range m.ids {
		if b, ok := appendBytes(buf[:0], token); ok {
			m.whole[string(b)] = id
			buf = b
		}
	}
	return true
}

// drops says whether there are characters that the model leaves out.
func (m *bpe) drops() bool {
	return m.unk < 0 && (m.fallback == nil || slices.Contains(m.fallback[:], -1))
}

var errNoUnk = errors.New("the text has characters that the vocabulary does not know, and the tokenizer names no token for them")

func (m *bpe) tokenize(dst []token, piece string) ([]token, error) {
	if m.ignoreMerges {
		ids := m.ids
		if m.raw != nil {
			ids = m.whole
		}
		if id, ok := ids[piece]; ok {
			return append(dst, token{id, 0, int32(len(piece))}), nil
		}
	}
	var w word
	switch {
	case m.raw != nil:
		w.bytes(m, piece)
	case m.prefix == "" && m.suffix == "":
		w.characters(m, piece)
	default:
		w.affixed(m, piece)
	}
	w.mergeAll(m)
	return w.tokens(dst, int32(len(piece))), nil
}
