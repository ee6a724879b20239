package tokenizer

import (
	"fmt"
	"math"
	"unicode/utf8"
)

// unigram takes the way through a piece whose tokens have the highest sum of
// log probabilities (Kudo, 2018).
type unigram struct {
	*vocab
	index    *prefixes
	scores   []float64
	unk      int32 // -1: none
	unkScore float64
	single   bool // sums are of 32 bits, as in sentencepiece itself
	fallback *[256]int32
}

// unkPenalty is what an unknown character costs beyond the rarest token.
const unkPenalty = 10

func newUnigram(tokens []string, scores []float64, unk int32, fallback bool) (*unigram, error) {
	ids := make(map[string]int32, len(tokens))
	least := math.Inf(1)
	for i, t := range tokens {
		if math.IsNaN(scores[i]) || math.IsInf(scores[i], 0) {
			return nil, fmt.Errorf("the score of token %d, %q, is not a number", i, t)
		}
		ids[t] = int32(i)
		least = min(least, scores[i])
	}
	if int(unk) >= len(tokens) {
		return nil, fmt.Errorf("unk_id is %d, and there are %d tokens", unk, len(tokens))
	}
	v, err := newVocab(ids)
	if err != nil {
		return nil, err
	}
	v.size = len(tokens)
	for i, t := range tokens { // a token that stands twice has both ids
		v.grow(int32(i))
		v.tokens[i], v.has[i] = t, true
	}
	m := &unigram{vocab: v, index: newPrefixes(ids), scores: scores, unk: unk, unkScore: least - unkPenalty}
	if fallback {
		m.fallback = byteTokens(ids)
	}
	return m, nil
}

func (v *vocab) grow(id int32) {
	for int(id) >= len(v.tokens) {
		v.tokens, v.has = append(v.tokens, ""), append(v.has, false)
	}
}

// byteTokens are the ids of <0x00> to <0xFF>, -1 where there is none.
func byteTokens(ids map[string]int32) *[256]int32 {
	out := new([256]int32)
	for b := range out {
		id, ok := ids[fmt.Sprintf("<0x%02X>", b)]
		if !ok {
			id = -1
		}
		out[b] = id
	}
	return out
}

// step is the best way to a byte of the piece.
type step struct {
	score float64
	from  int32 // -1: no way
	id    int32
}

func (m *unigram) tokenize(dst []token, piece string) ([]token, error) {
	best := make([]step, len(piece)+1)
	for i := range best {
		best[i].from = -1
	}
	for i := 0; i < len(piece); {
		_, n := utf8.DecodeRuneInString(piece[i:])
		here, single := best[i].score, false
		try := func(end int, score float64, id int32) {
			sum := here + score
			if m.single {
				sum = float64(float32(sum))
			}
			if b := &best[end]; b.from < 0 || sum > b.score {
				*b = step{sum, int32(i), id}
			}
		}
		m.index.each(piece[i:], func(k int, id int32) {
			try(i+k, m.scores[id], id)
			single = single || k == n
		})
		if !single {
			if m.unk < 0 && best[i+n].from < 0 {
				return dst, errNoUnk
			}
			try(i+n, m.unkScore, m.unk)
		}
		i += n
	}
	return m.collect(dst, piece, best)
}

// collect walks back; unknown neighbours become one, which may be a token, or
// bytes.
func (m *unigram) collect(dst []token, piece string, best []step) ([]token, error) {
	from := len(dst)
	for end := int32(len(piece)); end > 0; {
		s := best[end]
		if last := len(dst) - 1; s.id == m.unk && last >= from && dst[last].id == m.unk {
			dst[last].start = s.from
		} else {
			dst = append(dst, token{s.id, s.from, end})
		}
		end = s.from
	}
	found := append([]token(nil), dst[from:]...)
	dst = dst[:from]
	for i := len(found) - 1; i >= 0; i-- {
		t := found[i]
		s := piece[t.start:t.end]
		switch id, ok := m.ids[s]; {
		case ok:
			dst = append(dst, token{id, t.start, t.end})
		case m.fallback != nil && allBytes(m.fallback, s):
			for k := range len(s) {
				dst = append(dst, token{m.fallback[s[k]], t.start, t.end})
			}
		case m.unk < 0:
			return dst, errNoUnk
		default:
			dst = append(dst, token{m.unk, t.start, t.end})
		}
	}
	return dst, nil
}
