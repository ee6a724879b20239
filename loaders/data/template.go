package data

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// render fills in a template: the expressions in {{ }}, which take columns of
// the row. Of Jinja it reads names, members, indices, lists, strings, numbers,
// + and ~, the filters and the methods below; statements are refused.
func render(template string, doc map[string]any) (string, error) {
	v, err := value(template, doc)
	return asText(v), err
}

// value is render, but for a template that is one expression its value.
func value(template string, doc map[string]any) (any, error) {
	for _, bad := range []string{"{%", "{#"} {
		if strings.Contains(template, bad) {
			return nil, fmt.Errorf("the template %q has %s, and only {{ }} is read: write the text that it makes to a column", template, bad)
		}
	}
	var out strings.Builder
	for rest := template; ; {
		before, inside, found := strings.Cut(rest, "{{")
		if !found {
			out.WriteString(before)
			return out.String(), nil
		}
		src, after, closed := strings.Cut(inside, "}}")
		if !closed {
			return nil, fmt.Errorf("the template %q has no }} behind its {{", template)
		}
		// A - inside of the braces takes away the white space outside of them.
		var left, right bool
		if src, left = strings.CutPrefix(src, "-"); left {
			before = strings.TrimRight(before, spaces)
		}
		if src, right = strings.CutSuffix(src, "-"); right {
			after = strings.TrimLeft(after, spaces)
		}
		out.WriteString(before)
		v, err := evaluate(src, doc)
		if err != nil {
			return nil, fmt.Errorf("template {{%s}}: %w", src, err)
		}
		if before == "" && after == "" && out.Len() == 0 {
			return v, nil
		}
		out.WriteString(asText(v))
		rest = after
	}
}

const spaces = " \t\n\r"

// evaluator reads one expression from left to right.
type evaluator struct {
	src   string
	at    int
	doc   map[string]any
	depth int
}

func evaluate(src string, doc map[string]any) (any, error) {
	e := &evaluator{src: src, doc: doc}
	v, err := e.sum()
	if err == nil && e.peek() != 0 {
		err = fmt.Errorf("%q is not read", e.src[e.at:])
	}
	return v, err
}

// peek is the next character that is no space, 0 at the end.
func (e *evaluator) peek() byte {
	for e.at < len(e.src) && strings.IndexByte(spaces, e.src[e.at]) >= 0 {
		e.at++
	}
	if e.at == len(e.src) {
		return 0
	}
	return e.src[e.at]
}

// take skips a character if it is next.
func (e *evaluator) take(c byte) bool {
	if e.peek() != c || c == 0 {
		return false
	}
	e.at++
	return true
}

func (e *evaluator) sum() (any, error) {
	if e.depth++; e.depth > 50 {
		return nil, errors.New("it nests too deeply")
	}
	defer func() { e.depth-- }()
	v, err := e.filtered()
	for err == nil && (e.take('+') || e.take('~')) {
		var w any
		if w, err = e.filtered(); err == nil {
			v = asText(v) + asText(w)
		}
	}
	return v, err
}

// filtered is a value with its members, indices, calls and filters.
func (e *evaluator) filtered() (any, error) {
	v, err := e.primary()
	for err == nil {
		switch {
		case e.take('['):
			var i any
			if i, err = e.sum(); err == nil && !e.take(']') {
				err = errors.New("a ] is missing")
			}
			if err == nil {
				v, err = at(v, i)
			}
		case e.take('.'):
			name := e.name()
			if e.peek() != '(' {
				v, err = at(v, name)
				break
			}
			v, err = e.called(name, v)
		case e.take('|'):
			v, err = e.called(e.name(), v)
		default:
			return v, nil
		}
	}
	return nil, err
}

func (e *evaluator) name() string {
	e.peek()
	from := e.at
	for e.at < len(e.src) && (e.src[e.at] == '_' || e.src[e.at]|32 >= 'a' && e.src[e.at]|32 <= 'z' || e.at > from && e.src[e.at] >= '0' && e.src[e.at] <= '9') {
		e.at++
	}
	return e.src[from:e.at]
}

func (e *evaluator) primary() (any, error) {
	switch c := e.peek(); {
	case c == '\'' || c == '"':
		return e.quoted(c)
	case c == '-' || c >= '0' && c <= '9':
		from := e.at
		for e.at++; e.at < len(e.src) && (e.src[e.at] == '.' || e.src[e.at] >= '0' && e.src[e.at] <= '9'); {
			e.at++
		}
		return json.Number(e.src[from:e.at]), nil
	case e.take('('):
		v, err := e.sum()
		if err == nil && !e.take(')') {
			err = errors.New("a ) is missing")
		}
		return v, err
	case e.take('['):
		return e.list(']')
	}
	name := e.name()
	if name == "" {
		return nil, fmt.Errorf("%q is not read", e.src[e.at:])
	}
	v, ok := e.doc[name]
	if !ok {
		return nil, fmt.Errorf("the row has no column %q (it has %s)", name, columns(flat(e.doc)))
	}
	return v, nil
}

// list reads values up to the closing character.
func (e *evaluator) list(end byte) ([]any, error) {
	out := []any{}
	for !e.take(end) {
		if len(out) > 0 && !e.take(',') {
			return nil, fmt.Errorf("a %c is missing", end)
		}
		v, err := e.sum()
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

var escapes = map[byte]byte{'n': '\n', 't': '\t', 'r': '\r', '\\': '\\', '\'': '\'', '"': '"'}

func (e *evaluator) quoted(q byte) (any, error) {
	var b strings.Builder
	for e.at++; e.at < len(e.src); e.at++ {
		c := e.src[e.at]
		if c == q {
			e.at++
			return b.String(), nil
		}
		if c == '\\' && e.at+1 < len(e.src) {
			if to, ok := escapes[e.src[e.at+1]]; ok {
				e.at++
				c = to
			}
		}
		b.WriteByte(c)
	}
	return nil, errors.New("a quotation mark is missing")
}

// called applies a filter or method, whose arguments may follow.
func (e *evaluator) called(name string, v any) (any, error) {
	var args []any
	if e.take('(') {
		var err error
		if args, err = e.list(')'); err != nil {
			return nil, err
		}
	}
	return apply(name, v, args)
}
