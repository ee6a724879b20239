package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// wordPiece takes the longest token from the left, again and again; inside a
// word tokens have a prefix. A word that does not come out even is unknown.
type wordPiece struct {
	*vocab
	inner    map[string]int32 // tokens inside a word, without their prefix
	unk      string
	maxChars int
}

func newWordPiece(v *vocab, unk, prefix string, maxChars int) *wordPiece {
	m := &wordPiece{vocab: v, inner: v.ids, unk: unk, maxChars: maxChars}
	if prefix != "" {
		m.inner = make(map[string]int32)
		for t, id := range v.ids {
			if rest, ok := strings.CutPrefix(t, prefix); ok {
				m.inner[rest] = id
			}
		}
	}
	return m
}

func (m *wordPiece) tokenize(dst []token, piece string) ([]token, error) {
	from := len(dst)
	if utf8.RuneCountInString(piece) > m.maxChars {
		return m.unknown(dst, piece)
	}
	ids := m.ids
	for start := 0; start < len(piece); {
		end := len(piece)
		id, ok := ids[piece[start:]]
		for !ok && end > start {
			_, n := utf8.DecodeLastRuneInString(piece[start:end])
			end -= n
			if end > start {
				id, ok = ids[piece[start:end]]
			}
		}
		if !ok {
			return m.unknown(dst[:from], piece)
		}
		dst = append(dst, token{id, int32(start), int32(end)})
		start, ids = end, m.inner
	}
	return dst, nil
}

func (m *wordPiece) unknown(dst []token, piece string) ([]token, error) {
	id, ok := m.ids[m.unk]
	if !ok {
		return dst, errNoUnk
	}
	return append(dst, token{id, 0, int32(len(piece))}), nil
}

// wordLevel knows whole pieces only.
type wordLevel struct {
	*vocab
	unk string
}

func (m *wordLevel) tokenize(dst []token, piece string) ([]token, error) {
	id, ok := m.ids[piece]
	if !ok {
		if id, ok = m.ids[m.unk]; !ok {
			return dst, errNoUnk
		}
	}
	return append(dst, token{id, 0, int32(len(piece))}), nil
}
