package vocab

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Clone returns a copy that can be changed alone.
func (t *Tokenizer) Clone() *Tokenizer {
	c := *t
	c.pieces, c.added, c.ids = slices.Clone(t.pieces), slices.Clone(t.added), maps.Clone(t.ids)
	return &c
}

// Gap is the first id below Size that no token has, and false when there is
// none.
func (t *Tokenizer) Gap() (int, bool) {
	for i, tok := range t.Tokens() {
		if tok.ID != i {
			return i, true
		}
	}
	return 0, false
}

// Add gives a token an id behind all others, or when the model has it already,
// makes an added token of it; an added token of that content stays as it was.
func (t *Tokenizer) Add(a Added) (id int, err error) {
	if a.Content == "" {
		return 0, fmt.Errorf("an empty token cannot be added")
	}
	id, known := t.ids[a.Content]
	if known && t.isAdded(id, a.Content) {
		return id, nil
	}
	if !known {
		if id = t.next(); id != t.size {
			return 0, fmt.Errorf("token %q cannot be added: the ids have gaps, and it would be loaded with %d", a.Content, id)
		}
	}
	if id >= maxID {
		return 0, fmt.Errorf("token %q would have the id %d", a.Content, id)
	}
	a.ID = id
	t.put(a)
	return id, nil
}

// Strip takes out all tokens whose ids are rows or above, and the merges that
// read or make them, and returns their texts by id.
func (t *Tokenizer) Strip(rows int) ([]string, error) {
	var gone []string
	for _, tok := range t.Tokens() {
		if tok.ID >= rows {
			gone = append(gone, tok.Text)
		}
	}
	if gone == nil {
		return nil, nil
	}
	t.pieces = slices.DeleteFunc(t.pieces, func(p piece) bool { return p.id >= rows })
	t.added = slices.DeleteFunc(t.added, func(a Added) bool { return a.ID >= rows })
	for _, text := range gone {
		delete(t.ids, text)
	}
	t.size, t.fresh = 0, len(t.ids)-len(t.pieces)
	for _, id := range t.ids {
		t.size = max(t.size, id+1)
	}
	if err := t.dropMerges(gone); err != nil {
		return nil, err
	}
	if err := t.checkUnknown(); err != nil {
		return nil, err
	}
	return gone, t.checkPost()
}

// dropMerges takes out merges of tokens that are gone.
func (t *Tokenizer) dropMerges(gone []string) error {
	raw := t.model.get("merges")
	if t.kind != BPE || raw == nil {
		return nil
	}
	merges, err := listOf(raw)
	if err != nil {
		return fmt.Errorf("model.merges: %w", err)
	}
	lost := make(map[string]bool, len(gone))
	for _, text := range gone {
		lost[text] = true
	}
	var prefix string // of pieces inside words; a merge leaves out the second's
	_ = json.Unmarshal(t.model.get("continuing_subword_prefix"), &prefix)
	kept := merges[:0]
	for _, m := range merges {
		left, right, err := pairOf(m)
		if err != nil {
			return fmt.Errorf("model.merges: %w", err)
		}
		if !lost[left] && !lost[right] && !lost[left+strings.TrimPrefix(right, prefix)] {
			kept = append(kept, m)
		}
	}
	t.model = t.model.set("merges", encodeList(kept))
	return nil
}

// pairOf reads a merge: a list of two, or in older files two words in one text.
func pairOf(raw json.RawMessage) (left, right string, err error) {
	if bytes.HasPrefix(bytes.TrimSpace(raw), []byte("[")) {
		var pair []string
		if err := json.Unmarshal(raw, &pair); err != nil || len(pair) != 2 {
			return "", "", fmt.Errorf("%s is no pair", raw)
		}
		return pair[0], pair[1], nil
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return "", "", err
	}
	left, right, ok := strings.Cut(text, " ")
	if !ok {
		return "", "", fmt.Errorf("%q is no pair", text)
	}
	return left, right, nil
}

// Compact numbers the tokens anew without gaps, in the order of their ids, and
// returns the old id of each new one.
func (t *Tokenizer) Compact() ([]int, error) {
	tokens := t.Tokens()
	old, now := make([]int, len(tokens)), make(map[int]int, len(tokens))
	for i, tok := range tokens {
		old[i], now[tok.ID] = tok.ID, i
		t.ids[tok.Text] = i
	}
	if len(now) != len(tokens) {
		return nil, fmt.Errorf("two tokens have one id")
	}
	for i := range t.pieces {
		t.pieces[i].id = now[t.pieces[i].id]
	}
	for i := range t.added {
		t.added[i].ID = now[t.added[i].ID]
	}
	t.size = len(tokens)
	return old, t.renumberPost()
}

// Equal says whether both have the same tokens under the same ids.
func Equal(a, b *Tokenizer) bool { return maps.Equal(a.ids, b.ids) }

// checkUnknown refuses a model whose token for unknown text is gone.
func (t *Tokenizer) checkUnknown() error {
	var token *string
	var id *int
	if raw := t.model.get("unk_token"); raw != nil && json.Unmarshal(raw, &token) == nil && token != nil {
		if _, ok := t.ids[*token]; !ok {
			return fmt.Errorf("the token for unknown text, %q, is gone", *token)
		}
	}
	if raw := t.model.get("unk_id"); raw != nil && json.Unmarshal(raw, &id) == nil && id != nil && *id >= len(t.pieces) {
		return fmt.Errorf("the token for unknown text, %d, is gone", *id)
	}
	return nil
}
