package vocab

import (
	"encoding/json"
	"fmt"
)

// checkPost refuses a post-processor that puts in tokens that there are not.
func (t *Tokenizer) checkPost() error {
	_, err := t.post(t.top.get("post_processor"), 0)
	return err
}

// renumberPost writes the ids of the post-processor's tokens anew.
func (t *Tokenizer) renumberPost() error {
	raw, err := t.post(t.top.get("post_processor"), 0)
	if err == nil && raw != nil {
		t.top = t.top.set("post_processor", raw)
	}
	return err
}

// post returns a post-processor with the ids that its tokens have now.
func (t *Tokenizer) post(raw json.RawMessage, depth int) (json.RawMessage, error) {
	if raw == nil || string(raw) == "null" {
		return raw, nil
	}
	if depth > 16 {
		return nil, fmt.Errorf("post_processor: nests too deeply")
	}
	o, err := objectOf(raw)
	if err != nil {
		return nil, fmt.Errorf("post_processor: %w", err)
	}
	for _, m := range o {
		value := m.value
		switch m.key {
		case "processors":
			value, err = t.sequence(value, depth)
		case "special_tokens":
			value, err = t.specials(value)
		case "sep", "cls":
			value, err = t.pair(value)
		default:
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("post_processor.%s: %w", m.key, err)
		}
		o = o.set(m.key, value)
	}
	return o.encode(), nil
}

func (t *Tokenizer) sequence(raw json.RawMessage, depth int) (json.RawMessage, error) {
	list, err := listOf(raw)
	if err != nil {
		return nil, err
	}
	for i := range list {
		if list[i], err = t.post(list[i], depth+1); err != nil {
			return nil, err
		}
	}
	return encodeList(list), nil
}

// specials reads a template's {token: {id, ids, tokens}}.
func (t *Tokenizer) specials(raw json.RawMessage) (json.RawMessage, error) {
	o, err := objectOf(raw)
	if err != nil {
		return nil, err
	}
	for at, m := range o {
		var s struct {
			Tokens []string `json:"tokens"`
		}
		if err := json.Unmarshal(m.value, &s); err != nil {
			return nil, err
		}
		fields, err := objectOf(m.value)
		if err != nil {
			return nil, err
		}
		ids := make([]int, len(s.Tokens))
		for i, token := range s.Tokens {
			var ok bool
			if ids[i], ok = t.ids[token]; !ok {
				return nil, fmt.Errorf("the vocabulary lacks %q", token)
			}
		}
		text, err := json.Marshal(ids)
		if err != nil {
			return nil, err
		}
		o[at].value = fields.set("ids", text).encode() // o is ours
	}
	return o.encode(), nil
}

// pair reads [token, id].
func (t *Tokenizer) pair(raw json.RawMessage) (json.RawMessage, error) {
	list, err := listOf(raw)
	if err != nil {
		return nil, err
	}
	var token string
	if len(list) != 2 || json.Unmarshal(list[0], &token) != nil {
		return nil, fmt.Errorf("%s is no token with an id", raw)
	}
	id, ok := t.ids[token]
	if !ok {
		return nil, fmt.Errorf("the vocabulary lacks %q", token)
	}
	list[1] = json.RawMessage(fmt.Sprint(id))
	return encodeList(list), nil
}
