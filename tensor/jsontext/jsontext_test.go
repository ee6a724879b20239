package jsontext

import (
	"encoding/json"
	"testing"
)

// TestEdits: values change where they stand, and all else stays to the letter.
func TestEdits(t *testing.T) {
	const doc = "{\n  \"a\": 1e6,\n  \"b\": {\"c\": [1, 2], \"a\": 2}\n}"
	for _, c := range []struct{ name, got, want string }{
		{"top", string(Replace([]byte(doc), "3", "a")), "{\n  \"a\": 3,\n  \"b\": {\"c\": [1, 2], \"a\": 2}\n}"},
		{"below", string(Replace([]byte(doc), "3", "b", "a")), "{\n  \"a\": 1e6,\n  \"b\": {\"c\": [1, 2], \"a\": 3}\n}"},
		{"absent", string(Replace([]byte(doc), "3", "x")), doc},
		{"no object", string(Replace([]byte(doc), "3", "a", "x")), doc},
		{"set", string(Set([]byte("{\n  \"a\": 1\n}"), "true", "z")), "{\n  \"a\": 1,\n  \"z\": true\n}"},
		{"set in empty", string(Set([]byte("{}"), "1", "z")), "{\n  \"z\": 1\n}"},
		{"set below", string(Set([]byte(`{"b":{"c":1}}`), "2", "b", "d")), "{\"b\":{\"c\":1,\n  \"d\": 2\n}}"},
		{"twice", string(Replace([]byte(`{"a":1,"b":2,"a":3}`), "4", "a")), `{"a":1,"b":2,"a":4}`},
		{"set twice", string(Set([]byte(`{"a":1,"b":2,"a":3}`), "4", "a")), `{"a":1,"b":2,"a":4}`},
		{"drop twice", string(Drop([]byte(`{"a":1,"b":2,"a":3}`), "a")), `{"b":2}`},
		{"drop all", string(Drop([]byte(`{"a":1,"a":3}`), "a")), `{}`},
		{"drop first", string(Drop([]byte(`{"a":1,"b":2}`), "a")), `{"b":2}`},
		{"drop last", string(Drop([]byte(`{"a":1,"b":2}`), "b")), `{"a":1}`},
		{"drop only", string(Drop([]byte(`{"a":1}`), "a")), `{}`},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s, want %s", c.name, c.got, c.want)
		}
	}
}

// FuzzSet: what was JSON stays JSON, and has the key.
func FuzzSet(f *testing.F) {
	f.Add([]byte(`{"a":{"b":[1,{"c":"}"}]}}`), "a")
	f.Fuzz(func(t *testing.T, text []byte, key string) {
		var before, after map[string]json.RawMessage
		if json.Unmarshal(text, &before) != nil || before == nil {
			return
		}
		got := Set(text, "17", key)
		if err := json.Unmarshal(got, &after); err != nil {
			t.Errorf("%q became %q: %v", text, got, err)
		}
	})
}
