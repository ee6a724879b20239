package vocab

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// member is one key of an object with its value as it is spelled.
type member struct {
	key   string
	value json.RawMessage
}

// object is a JSON object that keeps the order of its keys.
type object []member

// objectOf cuts an object, which must be valid JSON, at its keys. A key that
// stands twice is an error.
func objectOf(text []byte) (object, error) {
	o, err := membersOf(text)
	if err != nil {
		return nil, err
	}
	seen := make(map[string]bool, len(o))
	for _, m := range o {
		if seen[m.key] {
			return nil, fmt.Errorf("key %q stands twice", m.key)
		}
		seen[m.key] = true
	}
	return o, nil
}

// encode writes the members in their order.
func (o object) encode() json.RawMessage {
	n := 2
	for _, m := range o {
		n += len(m.key) + len(m.value) + 8
	}
	b := append(make([]byte, 0, n), '{')
	for i, m := range o {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendQuoted(b, m.key), ':')
		b = append(b, m.value...)
	}
	return append(b, '}')
}

func (o object) get(key string) json.RawMessage {
	for _, m := range o {
		if m.key == key {
			return m.value
		}
	}
	return nil
}

// set changes a member or adds it at the end. The object is copied.
func (o object) set(key string, value json.RawMessage) object {
	out := append(object(nil), o...)
	for i, m := range out {
		if m.key == key {
			out[i].value = value
			return out
		}
	}
	return append(out, member{key, value})
}

// listOf cuts a list, which must be valid JSON, at its items.
func listOf(text []byte) ([]json.RawMessage, error) {
	s := scanner{text: text}
	if !s.open('[') {
		return nil, errors.New("want a list")
	}
	var list []json.RawMessage
	for s.more(']') {
		list = append(list, s.value())
	}
	return list, nil
}

// encodeList joins items as they are spelled.
func encodeList(list []json.RawMessage) json.RawMessage {
	n := 2
	for _, item := range list {
		n += len(item) + 1
	}
	b := append(make([]byte, 0, n), '[')
	for i, item := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, item...)
	}
	return append(b, ']')
}

// appendQuoted spells a string without escaping what HTML would need.
func appendQuoted(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c == 0xe2 || c == 0x7f {
			return append(b, escaped(s)...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

func escaped(s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always encodes
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// indented lays JSON out as the tokenizers package and transformers do.
func indented(text []byte) ([]byte, error) {
	var b bytes.Buffer
	b.Grow(2 * len(text))
	err := json.Indent(&b, text, "", "  ")
	return b.Bytes(), err
}
