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

// UnmarshalJSON reads an object; a key that stands twice is an error.
func (o *object) UnmarshalJSON(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errors.Join(errors.New("want an object"), err)
	}
	*o = nil
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		key, ok := t.(string)
		if err != nil || !ok {
			return errors.Join(errors.New("want a key"), err)
		}
		var m member
		if err := d.Decode(&m.value); err != nil {
			return err
		}
		if seen[key] {
			return fmt.Errorf("key %q stands twice", key)
		}
		seen[key], m.key = true, key
		*o = append(*o, m)
	}
	return nil
}

// MarshalJSON writes the members in their order.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(quote(m.key))
		b.WriteByte(':')
		b.Write(m.value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
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

// quote spells a string without escaping what HTML would need.
func quote(s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always encodes
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// indented lays JSON out as the tokenizers package and transformers do.
func indented(text []byte) ([]byte, error) {
	var b bytes.Buffer
	err := json.Indent(&b, text, "", "  ")
	return b.Bytes(), err
}
