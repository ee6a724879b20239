package tokenizer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// part is one object of a tokenizer file, with a type and fields. The first
// field that cannot be read is kept as err.
type part struct {
	path   string
	kind   string
	fields map[string]json.RawMessage
	err    error
}

// maxDepth bounds sequences within sequences.
const maxDepth = 16

var errDeep = errors.New("sequences stand too deep within each other")

// newPart reads an object; nil for null. An old file may leave the type out:
// guess then finds it by the fields.
func newPart(path string, raw json.RawMessage, guess func(has func(...string) bool) string) (*part, error) {
	if absent(raw) {
		return nil, nil
	}
	p := &part{path: path}
	if err := json.Unmarshal(raw, &p.fields); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	p.kind = get(p, "type", "")
	if p.kind == "" && p.err == nil && guess != nil {
		p.kind = guess(p.has)
	}
	return p, p.err
}

// absent says whether a part is left out or null.
func absent(raw json.RawMessage) bool {
	return len(raw) == 0 || bytes.Equal(bytes.TrimSpace(raw), []byte("null"))
}

func (p *part) has(names ...string) bool {
	for _, n := range names {
		if _, ok := p.fields[n]; !ok {
			return false
		}
	}
	return true
}

// get reads a field; absent and null are the default.
func get[T any](p *part, name string, def T) T {
	raw, ok := p.fields[name]
	if !ok || string(raw) == "null" || p.err != nil {
		return def
	}
	out := def
	if err := json.Unmarshal(raw, &out); err != nil {
		p.err = fmt.Errorf("%s.%s: %w", p.path, name, err)
		return def
	}
	return out
}

// list reads a field that holds parts.
func (p *part) list(name string) ([]json.RawMessage, error) {
	out := get(p, name, []json.RawMessage(nil))
	return out, p.err
}

func (p *part) unknown(what string) error {
	if p.kind == "" {
		return fmt.Errorf("%s: the %s has no type, and its fields do not tell it", p.path, what)
	}
	return fmt.Errorf("%s: the %s %q is not known to roux", p.path, what, p.kind)
}

// pattern reads a field {"String": ...} or {"Regex": ...}.
func (p *part) pattern(name string) pattern {
	var x struct{ String, Regex *string }
	x = get(p, name, x)
	switch {
	case p.err != nil:
	case x.String != nil && *x.String != "":
		return literal(*x.String)
	case x.String != nil || x.Regex != nil:
		expr := "" // matches before every character
		if x.Regex != nil {
			expr = *x.Regex
		}
		out, err := compile(expr)
		if err != nil {
			p.err = fmt.Errorf("%s.%s: %w", p.path, name, err)
		}
		return out
	default:
		p.err = fmt.Errorf("%s.%s: the pattern is neither a String nor a Regex", p.path, name)
	}
	return literal("")
}
