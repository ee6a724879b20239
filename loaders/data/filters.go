package data

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// at is a member or an element; indices below zero count from the end.
func at(v, i any) (any, error) {
	switch v := v.(type) {
	case map[string]any:
		if got, ok := v[asText(i)]; ok {
			return got, nil
		}
		return nil, fmt.Errorf("%s has no member %q", asText(v), asText(i))
	case []any:
		n, err := strconv.Atoi(asText(i))
		if n < 0 {
			n += len(v)
		}
		if err != nil || n < 0 || n >= len(v) {
			return nil, fmt.Errorf("%s has no element %s", asText(v), asText(i))
		}
		return v[n], nil
	}
	return nil, fmt.Errorf("%q has no member %s", asText(v), asText(i))
}

// filters are the filters and methods of text, by name; they take up to two
// texts more.
var filters = map[string]struct {
	args int
	do   func(s string, a []string) any
}{
	"trim":       {0, func(s string, _ []string) any { return strings.TrimSpace(s) }},
	"strip":      {1, func(s string, a []string) any { return strings.TrimFunc(s, cutset(a)) }},
	"lstrip":     {1, func(s string, a []string) any { return strings.TrimLeftFunc(s, cutset(a)) }},
	"rstrip":     {1, func(s string, a []string) any { return strings.TrimRightFunc(s, cutset(a)) }},
	"lower":      {0, func(s string, _ []string) any { return strings.ToLower(s) }},
	"upper":      {0, func(s string, _ []string) any { return strings.ToUpper(s) }},
	"capitalize": {0, func(s string, _ []string) any { return capitalize(s) }},
	"string":     {0, func(s string, _ []string) any { return s }},
	"replace":    {2, replaceAll},
	"split":      {1, splitText},
}

// apply applies a filter or method.
func apply(name string, v any, args []any) (any, error) {
	texts := make([]string, len(args))
	for i, a := range args {
		texts[i] = asText(a)
	}
	list, isList := v.([]any)
	switch {
	case name == "index" && isList && len(args) == 1:
		i := slices.IndexFunc(list, func(x any) bool { return asText(x) == texts[0] })
		if i < 0 {
			return nil, fmt.Errorf("%q is none of %s", texts[0], asText(v))
		}
		return json.Number(strconv.Itoa(i)), nil
	case name == "join" && isList:
		parts := make([]string, len(list))
		sep, size := strings.Join(texts, ""), 0
		for i, x := range list {
			parts[i] = asText(x)
			size += len(parts[i]) + len(sep)
		}
		if size > maxMade {
			return nil, errMade
		}
		return strings.Join(parts, sep), nil
	case name == "length" && isList:
		return json.Number(strconv.Itoa(len(list))), nil
	case (name == "first" || name == "last") && isList:
		return at(v, json.Number(map[string]string{"first": "0", "last": "-1"}[name]))
	case name == "length":
		return json.Number(strconv.Itoa(utf8.RuneCountInString(asText(v)))), nil
	}
	f, ok := filters[name]
	if !ok || isList {
		return nil, fmt.Errorf("the filter or method %q is not read", name)
	}
	if len(args) > f.args || name == "replace" && len(args) < 2 {
		return nil, fmt.Errorf("%s takes %d arguments, not %d", name, f.args, len(args))
	}
	text := asText(v)
	if name == "replace" && (strings.Count(text, texts[0])+1)*len(texts[1]) > maxMade {
		return nil, errMade
	}
	return f.do(text, texts), nil
}

// maxMade bounds a text that a template makes of others: a chain of replace
// could otherwise make one of any length.
const maxMade = 16 << 20

var errMade = errors.New("it makes a text of more than 16 MiB")

func cutset(a []string) func(rune) bool {
	if len(a) == 0 {
		return unicode.IsSpace
	}
	return func(r rune) bool { return strings.ContainsRune(a[0], r) }
}

// capitalize is Python's: the first letter large and all others small.
func capitalize(s string) string {
	_, n := utf8.DecodeRuneInString(s)
	return strings.ToUpper(s[:n]) + strings.ToLower(s[n:])
}

func replaceAll(s string, a []string) any { return strings.ReplaceAll(s, a[0], a[1]) }

func splitText(s string, a []string) any {
	parts := strings.Fields(s)
	if len(a) == 1 && a[0] != "" {
		parts = strings.Split(s, a[0])
	}
	out := make([]any, len(parts))
	for i, p := range parts {
		out[i] = p
	}
	return out
}
