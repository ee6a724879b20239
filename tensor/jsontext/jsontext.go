// Package jsontext edits JSON documents such as config.json as text: what is
// not changed keeps its order, its spacing and the spelling of its numbers.
package jsontext

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// Field is a key of an object and the bytes [From, To) of its value.
type Field struct {
	Key      string
	From, To int
}

// Fields lists the keys of an object in their order, or nothing when the text
// is no object.
func Fields(text []byte) []Field {
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil
	}
	var fields []Field
	for d.More() {
		t, err := d.Token()
		key, isKey := t.(string)
		var raw json.RawMessage
		if err != nil || !isKey || d.Decode(&raw) != nil {
			return nil
		}
		end := int(d.InputOffset())
		fields = append(fields, Field{key, end - len(raw), end})
	}
	return fields
}

// Find returns the byte range of a value by its path of keys. Of a key that
// stands twice it is the last, which is what Python and Go read.
func Find(text []byte, path ...string) (from, to int, ok bool) {
	to = len(text)
	for _, key := range path {
		fields := Fields(text[from:to])
		i := len(fields) - 1
		for i >= 0 && fields[i].Key != key {
			i--
		}
		if i < 0 {
			return 0, 0, false
		}
		from, to = from+fields[i].From, from+fields[i].To
	}
	return from, to, true
}

// Replace puts a value in the place of another; a document without the path
// stays as it is.
func Replace(text []byte, value string, path ...string) []byte {
	from, to, ok := Find(text, path...)
	if !ok {
		return text
	}
	return bytes.Join([][]byte{text[:from], []byte(value), text[to:]}, nil)
}

// Set replaces the value of a key, or adds the key behind the last of its
// object. The object must be there.
func Set(text []byte, value string, path ...string) []byte {
	if _, _, ok := Find(text, path...); ok {
		return Replace(text, value, path...)
	}
	last := len(path) - 1
	from, to, ok := Find(text, path[:last]...)
	if !ok {
		return text
	}
	return bytes.Join([][]byte{text[:from], insert(text[from:to], path[last], value), text[to:]}, nil)
}

func insert(object []byte, key, value string) []byte {
	end := bytes.LastIndexByte(object, '}')
	if end < 0 {
		return object
	}
	head := bytes.TrimRight(object[:end], " \t\r\n")
	comma := ","
	if bytes.HasSuffix(head, []byte("{")) {
		comma = ""
	}
	quoted, _ := json.Marshal(key) // a string always can be
	return fmt.Appendf(nil, "%s%s\n  %s: %s\n%s", head, comma, quoted, value, object[end:])
}

// Drop takes a key of the top level out of a document, each time that it
// stands there.
func Drop(text []byte, key string) []byte {
	fields := Fields(text)
	if !slices.ContainsFunc(fields, func(f Field) bool { return f.Key == key }) {
		return text
	}
	at := bytes.IndexByte(text, '{') + 1
	out := slices.Clone(text[:at])
	first := true
	for i, f := range fields {
		part := text[at:f.To] // from the comma before it on
		at = f.To
		if f.Key == key {
			continue
		}
		if first && i > 0 {
			part = part[bytes.IndexByte(part, ',')+1:]
		}
		first = false
		out = append(out, part...)
	}
	return append(out, text[at:]...)
}
