package tokenizer

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"
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
	least, most, any := 0.0, 0.0, false
	for i, s := range b.Scores {
		m.scores[i] = float64(s)
		if b.kind(int32(i)) == Normal {
			if !any {
				least, most, any = float64(s), float64(s), true
			}
			least, most = min(least, float64(s)), max(most, float64(s))
		}
	}
	for i, s := range b.Tokens {
		if b.kind(int32(i)) == UserDefined { // as good as all of its bytes in the best tokens
			text[s] = int32(i)
			m.scores[i] = float64(float32(float64(float32(len(s))*float32(most)) - 0.1))
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
	var ns normalizers
	if len(b.CharsMap) > 0 {
		if m, err := newCharsmap(b.CharsMap, true); err == nil {
			m.user = b.userTokens()
			ns = append(ns, m)
		}
	}
	few := or(b.RemoveExtraSpaces, b.Kind == "t5")
	if few {
		ns = append(ns, oneSpace{})
	}
	prefix := or(b.AddSpacePrefix, true)
	if prefix && !b.asSuffix {
		ns = append(ns, lead{empty: b.spm && !few})
	}
	ns = append(ns, replace{literal(" "), "▁"})
	end := ending{trim: few, empty: b.spm && !few}
	if prefix && b.asSuffix {
		end.add = "▁"
	}
	ns = append(ns, end)
	b.t.norm = ns
	b.t.dec = []decoder{decodeReplace(literal("▁"), " "), decodeFallback}
	if prefix || few {
		b.t.dec = append(b.t.dec, decodeLead(few, b.t.unkText))
	}
}

// lead puts a ▁ before text; also before none, of which characters were left
// out, if it is to.
type lead struct{ empty bool }

func (n lead) normalize(t *text) error {
	if t.s == "" && n.empty {
		w := rewrite(t)
		w.add('▁')
		w.done()
		return nil
	}
	t.prepend("▁")
	return nil
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

// ending cuts ▁ from the end of text and puts a suffix there.
type ending struct {
	trim  bool
	add   string
	empty bool // also where there is no text
}

func (n ending) normalize(t *text) error {
	end := len(t.s)
	for n.trim && strings.HasSuffix(t.s[:end], "▁") {
		end -= len("▁")
	}
	if end == len(t.s) && (n.add == "" || end == 0 && !n.empty) {
		return nil
	}
	w := rewrite(t)
	w.copyTo(end)
	for _, r := range n.add {
		w.add(r)
	}
	w.done()
	return nil
}

// oneSpace takes spaces away from the beginning and leaves one of several.
type oneSpace struct{}

func (oneSpace) normalize(t *text) error {
	w := rewrite(t)
	keep := false // whether a space here is wanted
	for i, r := range t.s {
		if r != ' ' || keep {
			w.copyTo(i + utf8.RuneLen(r))
		} else {
			w.drop(1)
		}
		keep = r != ' '
	}
	w.done()
	return nil
}
