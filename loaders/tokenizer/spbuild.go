package tokenizer

import (
	"cmp"
	"slices"
	"strings"
)

// sentencepieceBPE merges what together is a token, the best score first.
func (b *builder) sentencepieceBPE() error {
	v, err := newVocab(b.ids)
	if err != nil {
		return err
	}
	m := &bpe{vocab: v, unk: b.special("unk"), fuseUnk: true}
	text := b.textTokens()
	m.merges = b.scoredMerges(text)
	m.fallback = b.byteIDs()
	m.user = b.userTokens()
	m.prepare(text)
	b.t.model, b.t.vocab = m, v
	b.readText()
	return nil
}

// sentencepieceUnigram takes scores as log probabilities.
func (b *builder) sentencepieceUnigram() error {
	v, err := newVocab(b.ids)
	if err != nil {
		return err
	}
	m := &unigram{vocab: v, unk: b.special("unk"), fallback: b.byteIDs(), single: true, scores: make([]float64, len(b.Tokens))}
	text := b.textTokens()
	least, any := 0.0, false
	for i, s := range b.Scores {
		m.scores[i] = float64(s)
		if b.kind(int32(i)) == Normal {
			if !any {
				least, any = float64(s), true
			}
			least = min(least, float64(s))
		}
	}
	for i, s := range b.Tokens {
		if b.kind(int32(i)) == UserDefined { // what sentencepiece 0.2.3 gives, better than any way through its bytes
			text[s] = int32(i)
			m.scores[i] = float64(float32(float32(len(s))*0.1) - 0.1)
		}
	}
	m.index, m.unkScore = newPrefixes(text), float64(float32(least)-unkPenalty)
	b.t.model, b.t.vocab = m, v
	b.readText()
	return nil
}

// textTokens are the tokens that text can become.
func (b *builder) textTokens() map[string]int32 {
	out := make(map[string]int32, len(b.Tokens))
	for i, s := range b.Tokens {
		if b.kind(int32(i)) == Normal {
			out[s] = int32(i)
		}
	}
	return out
}

// userTokens are those that users have defined, for the model to look for; nil
// where they are looked for in the raw text.
func (b *builder) userTokens() *prefixes {
	set := map[string]int32{}
	for i, s := range b.Tokens {
		if b.kind(int32(i)) == UserDefined && b.spm {
			set[s] = int32(i)
		}
	}
	if len(set) == 0 {
		return nil
	}
	return newPrefixes(set)
}

func (b *builder) byteIDs() *[256]int32 {
	for i := range b.Tokens {
		if b.kind(int32(i)) == Byte {
			return byteTokens(b.ids)
		}
	}
	return nil
}

// scoredMerges are all pairs of tokens that together are a token. Tokens of the
// same score have the same rank, so that the leftmost wins.
func (b *builder) scoredMerges(text map[string]int32) map[[2]int32]merged {
	order := make([]int32, 0, len(text))
	for _, id := range text {
		order = append(order, id)
	}
	slices.SortFunc(order, func(x, y int32) int { return cmp.Compare(b.Scores[y], b.Scores[x]) })
	out := make(map[[2]int32]merged, len(text))
	rank := int32(-1)
	for i, id := range order {
		if i == 0 || b.Scores[id] != b.Scores[order[i-1]] {
			rank++
		}
		s := b.Tokens[id]
		for k := range s {
			left, okL := text[s[:k]]
			right, okR := text[s[k:]]
			if k > 0 && okL && okR {
				out[[2]int32{left, right}] = merged{rank, id}
			}
		}
	}
	return out
}

// readText says how text is prepared and made again.
func (b *builder) readText() {
	few, prefix := or(b.RemoveExtraSpaces, b.Kind == "t5"), or(b.AddSpacePrefix, true)
	n := &spmText{user: b.userTokens(), few: few, before: prefix && !b.asSuffix, behind: prefix && b.asSuffix}
	if len(b.CharsMap) > 0 {
		if m, err := newCharsmap(b.CharsMap); err == nil {
			n.table = m
		}
	}
	b.t.norm = n
	b.t.dec = []decoder{decodeReplace(literal("▁"), " "), decodeFallback}
	if prefix || few {
		b.t.dec = append(b.t.dec, decodeLead(few, b.t.unkText))
	}
}

// decodeLead takes the space away that stands before the text; all of them if
// encoding would. Those of an unknown token stay.
func decodeLead(all bool, unknown string) decoder {
	return func(tokens []string) []string {
		for i, t := range tokens {
			if t == unknown {
				break
			}
			rest, cut := strings.CutPrefix(t, " ")
			tokens[i] = rest
			if rest != "" || cut && !all {
				break
			}
		}
		return tokens
	}
}
