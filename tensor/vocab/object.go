package vocab

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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

// Replace changes the value of a key on the top level of a JSON object and
// keeps all else to the letter; a document without the key stays as it is.
func Replace(text []byte, key string, value []byte) []byte {
	from, to, ok := find(text, key)
	if !ok {
		return text
	}
	return bytes.Join([][]byte{text[:from], value, text[to:]}, nil)
}

// Member returns the value of a key on the top level of a JSON object as it is
// spelled, or nil.
func Member(text []byte, key string) []byte {
	from, to, _ := find(text, key)
	if from == to {
		return nil
	}
	return text[from:to]
}

// Drop takes a key on the top level out of a JSON object.
func Drop(text []byte, key string) []byte {
	var o object
	if Member(text, key) == nil || json.Unmarshal(text, &o) != nil {
		return text
	}
	o = slices.DeleteFunc(o, func(m member) bool { return m.key == key })
	raw, err := o.MarshalJSON()
	if err != nil {
		return text
	}
	out, err := indented(raw)
	if err != nil {
		return text
	}
	return append(out, '\n')
}

// find returns where the value of a key stands.
func find(text []byte, key string) (from, to int, ok bool) {
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return 0, 0, false
	}
	for d.More() {
		t, err := d.Token()
		var raw json.RawMessage
		if err != nil || d.Decode(&raw) != nil {
			return 0, 0, false
		}
		if t == key {
			end := int(d.InputOffset())
			return end - len(raw), end, true
		}
	}
	return 0, 0, false
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
