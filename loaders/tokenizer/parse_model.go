package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// parseModel reads the model of a tokenizer file.
func parseModel(raw json.RawMessage) (model, *vocab, error) {
	p, err := newPart("model", raw, func(has func(...string) bool) string {
		switch {
		case has("vocab", "merges"):
			return "BPE"
		case has("vocab", "unk_token", "continuing_subword_prefix", "max_input_chars_per_word"):
			return "WordPiece"
		case has("vocab", "unk_token"):
			return "WordLevel"
		case has("vocab"):
			return "Unigram"
		}
		return ""
	})
	switch {
	case err != nil:
		return nil, nil, err
	case p == nil:
		return nil, nil, errors.New("the tokenizer has no model")
	}
	switch p.kind {
	case "BPE":
		return p.bpe()
	case "Unigram":
		return p.unigram()
	case "WordPiece", "WordLevel":
		return p.words()
	}
	return nil, nil, p.unknown("model")
}

func (p *part) vocab() (*vocab, error) {
	ids := get(p, "vocab", map[string]int32(nil))
	if p.err == nil && ids == nil {
		p.err = fmt.Errorf("%s.vocab is missing", p.path)
	}
	if p.err != nil {
		return nil, p.err
	}
	return newVocab(ids)
}

func (p *part) bpe() (model, *vocab, error) {
	v, err := p.vocab()
	if err != nil {
		return nil, nil, err
	}
	m := &bpe{
		vocab: v, unk: -1,
		fuseUnk:      get(p, "fuse_unk", false),
		ignoreMerges: get(p, "ignore_merges", false),
		prefix:       get(p, "continuing_subword_prefix", ""),
		suffix:       get(p, "end_of_word_suffix", ""),
	}
	if unk := get(p, "unk_token", ""); unk != "" {
		id, ok := v.ids[unk]
		if !ok {
			return nil, nil, fmt.Errorf("model.unk_token %q is not in the vocabulary", unk)
		}
		m.unk = id
	}
	if get(p, "byte_fallback", false) {
		m.fallback = byteTokens(v.ids)
	}
	list := get(p, "merges", []pair(nil))
	if p.err != nil {
		return nil, nil, p.err
	}
	if err := m.setMerges(list); err != nil {
		return nil, nil, fmt.Errorf("model.merges: %w", err)
	}
	m.prepare(v.ids)
	return m, v, nil
}

// UnmarshalJSON reads both forms: ["a", "b"] and the older "a b".
func (p *pair) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '[' {
		var list []string
		if err := json.Unmarshal(b, &list); err != nil {
			return err
		}
		if len(list) != 2 {
			return fmt.Errorf("a merge has %d tokens: %s", len(list), b)
		}
		*p = pair{list[0], list[1]}
		return nil
	}
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	if strings.HasPrefix(s, "#version") {
		return nil // a line of merges.txt, which setMerges passes over
	}
	left, right, ok := strings.Cut(s, " ")
	if !ok || strings.Contains(right, " ") {
		return fmt.Errorf("the merge %q is not two tokens and a space", s)
	}
	*p = pair{left, right}
	return nil
}

func (p *part) unigram() (model, *vocab, error) {
	list := get(p, "vocab", []scored(nil))
	unk := get(p, "unk_id", int32(-1))
	fallback := get(p, "byte_fallback", false)
	if p.err != nil {
		return nil, nil, p.err
	}
	tokens, scores := make([]string, len(list)), make([]float64, len(list))
	for i, s := range list {
		tokens[i], scores[i] = s.token, s.score
	}
	m, err := newUnigram(tokens, scores, unk, fallback)
	if err != nil {
		return nil, nil, fmt.Errorf("model: %w", err)
	}
	return m, m.vocab, nil
}

// scored is a token with its log probability, ["a", -1.5] in a file.
type scored struct {
	token string
	score float64
}

// UnmarshalJSON reads the list of two.
func (s *scored) UnmarshalJSON(b []byte) error {
	var list []json.RawMessage
	if err := json.Unmarshal(b, &list); err != nil {
		return err
	}
	if len(list) != 2 {
		return fmt.Errorf("a token of a Unigram vocabulary has %d fields and not a string and a score", len(list))
	}
	return errors.Join(json.Unmarshal(list[0], &s.token), json.Unmarshal(list[1], &s.score))
}

func (p *part) words() (model, *vocab, error) {
	v, err := p.vocab()
	if err != nil {
		return nil, nil, err
	}
	if p.kind == "WordLevel" {
		m := &wordLevel{v, get(p, "unk_token", "<unk>")}
		return m, v, p.err
	}
	m := newWordPiece(v, get(p, "unk_token", "[UNK]"), get(p, "continuing_subword_prefix", "##"), get(p, "max_input_chars_per_word", 100))
	return m, v, p.err
}
