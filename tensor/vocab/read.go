package vocab

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// Parse reads a tokenizer.json. It bounds sizes and ids and refuses a file to
// which the tokenizers package would give other ids than it says.
func Parse(text []byte) (*Tokenizer, error) {
	t, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("tokenizer.json: %w", err)
	}
	return t, nil
}

func parse(text []byte) (*Tokenizer, error) {
	if len(text) > MaxFile {
		return nil, fmt.Errorf("%d bytes are more than a tokenizer has", len(text))
	}
	if !json.Valid(text) {
		var any struct{}
		return nil, cmp.Or(json.Unmarshal(text, &any), errors.New("no valid JSON"))
	}
	t := &Tokenizer{ids: map[string]int{}}
	var err error
	if t.top, err = objectOf(text); err != nil {
		return nil, err
	}
	if t.model, err = objectOf(t.top.get("model")); err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	if err := t.readKind(); err != nil {
		return nil, err
	}
	if err := t.readPieces(); err != nil {
		return nil, fmt.Errorf("model.vocab: %w", err)
	}
	if err := t.readAdded(); err != nil {
		return nil, fmt.Errorf("added_tokens: %w", err)
	}
	return t, t.checkPost()
}

// readKind takes the type, or for old files without one, guesses it as the
// tokenizers package does.
func (t *Tokenizer) readKind() error {
	if raw := t.model.get("type"); raw != nil {
		if err := json.Unmarshal(raw, &t.kind); err != nil {
			return fmt.Errorf("model.type: %w", err)
		}
	} else if t.model.get("merges") != nil {
		t.kind = BPE
	} else if vocab := bytes.TrimSpace(t.model.get("vocab")); bytes.HasPrefix(vocab, []byte("[")) {
		t.kind = Unigram
	} else if t.model.get("max_input_chars_per_word") != nil {
		t.kind = WordPiece
	}
	switch t.kind {
	case BPE, Unigram, WordPiece, WordLevel:
		return nil
	}
	return fmt.Errorf("the model's type is %q: %s, %s, %s and %s are known", t.kind, BPE, Unigram, WordPiece, WordLevel)
}

func (t *Tokenizer) readPieces() error {
	raw := t.model.get("vocab")
	if raw == nil {
		return errors.New("missing")
	}
	var err error
	if t.kind == Unigram {
		t.pieces, err = scored(raw)
	} else {
		t.pieces, err = numbered(raw)
	}
	if err != nil {
		return err
	}
	for i, p := range t.pieces {
		if _, twice := t.ids[p.text]; twice {
			return fmt.Errorf("token %q stands twice", p.text)
		}
		if i > 0 && t.pieces[i-1].id == p.id {
			return fmt.Errorf("tokens %q and %q have one id, %d", t.pieces[i-1].text, p.text, p.id)
		}
		t.ids[p.text] = p.id
		t.size = p.id + 1
	}
	return nil
}

// scored reads Unigram's list of [piece, score]; the place is the id.
func scored(raw json.RawMessage) ([]piece, error) {
	list, err := listOf(raw)
	if err != nil {
		return nil, err
	}
	pieces := make([]piece, len(list))
	for i, entry := range list {
		pair, err := listOf(entry)
		if err != nil || len(pair) != 2 {
			return nil, fmt.Errorf("entry %d is no piece with a score", i)
		}
		var score float64
		if err := json.Unmarshal(pair[1], &score); err != nil {
			return nil, fmt.Errorf("entry %d: %w", i, err)
		}
		pieces[i] = piece{id: i, score: pair[1]}
		if pieces[i].text, err = unquote(pair[0]); err != nil {
			return nil, fmt.Errorf("entry %d: %w", i, err)
		}
	}
	return pieces, nil
}

func numbered(raw json.RawMessage) ([]piece, error) {
	entries, err := membersOf(raw)
	if err != nil {
		return nil, err
	}
	pieces := make([]piece, len(entries))
	for i, e := range entries {
		id, err := strconv.Atoi(string(e.value))
		if most := LargestID(len(entries)); err != nil || id < 0 || id > most {
			return nil, fmt.Errorf("token %q has the id %s, and a vocabulary of %d tokens may use 0..%d: number them without such gaps", e.key, e.value, len(entries), most)
		}
		pieces[i] = piece{text: e.key, id: id}
	}
	slices.SortFunc(pieces, func(a, b piece) int { return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.text, b.text)) })
	return pieces, nil
}

// readAdded takes the added tokens. The tokenizers package gives a token that
// the model lacks the next free id, whatever the file says.
func (t *Tokenizer) readAdded() error {
	var list []Added
	if raw := t.top.get("added_tokens"); raw != nil {
		if err := json.Unmarshal(raw, &list); err != nil {
			return err
		}
	}
	slices.SortStableFunc(list, func(a, b Added) int { return cmp.Compare(a.ID, b.ID) })
	for _, a := range list {
		if a.ID < 0 || a.ID >= maxID {
			return fmt.Errorf("token %q has the id %d", a.Content, a.ID)
		}
		if len(t.added) > 0 && t.added[len(t.added)-1].Content == a.Content {
			continue
		}
		want, known := t.ids[a.Content]
		if !known {
			want = t.next()
		}
		if want != a.ID {
			return fmt.Errorf("token %q has the id %d and would be loaded with %d: the ids before it have a gap, or it stands twice", a.Content, a.ID, want)
		}
		t.put(a)
	}
	return nil
}

// next is the id that the tokenizers package gives a new token when it loads
// the file: behind the model's count of tokens and the new ones before it.
func (t *Tokenizer) next() int { return len(t.pieces) + t.fresh }

// isAdded says whether a token is among the added ones.
func (t *Tokenizer) isAdded(id int, content string) bool {
	i, ok := slices.BinarySearchFunc(t.added, id, func(a Added, id int) int { return a.ID - id })
	return ok && t.added[i].Content == content
}

// put inserts an added token at its id.
func (t *Tokenizer) put(a Added) {
	i, _ := slices.BinarySearchFunc(t.added, a, func(x, y Added) int { return cmp.Compare(x.ID, y.ID) })
	t.added = slices.Insert(t.added, i, a)
	if _, known := t.ids[a.Content]; !known {
		t.fresh++
	}
	t.ids[a.Content] = a.ID
	t.size = max(t.size, a.ID+1)
}
