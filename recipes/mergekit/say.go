package mergekit

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/rouxml/roux/schema"
)

// Step is a merge in the recipe's language, for Say.
type Step struct {
	Op     string
	Fields *yaml.Node // the op's own keys
	// Model returns a reference for the model that a name stands for, or false
	// when it is none of a mergekit file.
	Model           func(name string) (reference string, ok bool)
	DType, OutDType string // casts of what goes in and comes out; empty: none
}

// Say returns the mergekit file that asks for the same as a step, or false when
// mergekit's language has no words for it.
func Say(s Step) ([]byte, bool) {
	for name, m := range methods() {
		if m.op == s.Op {
			return speaker{s, m, true}.file(name)
		}
	}
	if s.Op == "resize.stack" {
		return speaker{s, method{}, true}.stack()
	}
	return nil, false
}

// speaker says one step. ok turns false at what cannot be said.
type speaker struct {
	Step
	method method
	ok     bool
}

func (s speaker) file(name string) ([]byte, bool) {
	at := s.Fields
	out, params, models := mapping(at, pair("merge_method", word(at, name))), mapping(at), sequence(at, nil)
	for _, f := range pairsOf(s.Fields) {
		switch key := f.Key.Value; {
		case key == "base":
			add(out, "base_model", s.model(f.Value))
			if s.method.two {
				models.Content = append(models.Content, mapping(at, pair("model", s.model(f.Value))))
			}
		case key == "model":
			models.Content = append(models.Content, mapping(at, pair("model", s.model(f.Value))))
		case key == "models":
			for _, item := range f.Value.Content {
				models.Content = append(models.Content, s.entry(item, get(s.Fields, "weight") != nil))
			}
			if len(models.Content) == 0 {
				return nil, false
			}
		case s.has(key):
			add(params, key, s.value(f.Value))
		case key == "least" && f.Value.Value == "1":
		default:
			return nil, false
		}
	}
	if !s.method.takesBase() && len(models.Content) > 0 { // the first gives config and tokenizer
		add(out, "base_model", get(models.Content[0], "model"))
	}
	add(out, "models", models)
	if len(params.Content) > 0 {
		add(out, "parameters", params)
	}
	return s.end(out)
}

// has says whether mergekit knows a parameter of the method.
func (s *speaker) has(key string) bool {
	return slices.Contains(s.method.whole, key) || slices.ContainsFunc(slices.Concat(s.method.perModel, s.method.curves, s.method.flags), func(p param) bool { return p.name == key })
}

// end adds the casts and writes the file.
func (s *speaker) end(out *yaml.Node) ([]byte, bool) {
	for _, d := range []struct{ key, dtype string }{{"dtype", s.DType}, {"out_dtype", s.OutDType}} {
		if d.dtype == "" {
			continue
		}
		s.ok = s.ok && slices.Contains(dtypes, d.dtype)
		add(out, d.key, word(out, d.dtype))
	}
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := errors.Join(e.Encode(out), e.Close()); err != nil {
		return nil, false
	}
	return b.Bytes(), s.ok
}

// model says which model a name stands for.
func (s *speaker) model(n *yaml.Node) *yaml.Node {
	ref, ok := s.Model(n.Value)
	s.ok = s.ok && ok
	return word(n, ref)
}

// entry says one model with its parameters. A weight that the recipe leaves out
// is 1, which mergekit must be told.
func (s *speaker) entry(n *yaml.Node, weighed bool) *yaml.Node {
	if n.Kind == yaml.ScalarNode {
		n = mapping(n, pair("model", n))
	}
	out, params := mapping(n), mapping(n)
	for _, f := range pairsOf(n) {
		switch {
		case f.Key.Value == "model":
			add(out, "model", s.model(f.Value))
		case s.has(f.Key.Value):
			add(params, f.Key.Value, s.value(f.Value))
		default:
			s.ok = false
		}
	}
	if len(s.method.perModel) > 0 && !weighed && get(params, "weight") == nil {
		add(params, "weight", scalar(n, "", "1"))
	}
	if len(params.Content) > 0 {
		add(out, "parameters", params)
	}
	return out
}

var contains = schema.Pattern(`^\s*name contains ("(?:[^"\\]|\\.)*"|'[^'\\]*')\s*$`)

// value says a number, a list or filters.
func (s *speaker) value(n *yaml.Node) *yaml.Node {
	switch {
	case n.Kind == yaml.ScalarNode:
		_, number := asNumber(n)
		_, truth := schema.BoolWord(n)
		s.ok = s.ok && (number || truth)
		return scalar(n, "", n.Value)
	case len(n.Content) > 0 && n.Content[0].Kind == yaml.MappingNode:
		list := sequence(n, nil)
		for _, item := range n.Content {
			entry := mapping(item)
			if where := get(item, "where"); where != nil {
				add(entry, "filter", word(where, s.filter(where.Value)))
			}
			add(entry, "value", s.value(get(item, "value")))
			list.Content = append(list.Content, entry)
		}
		return list
	}
	list := sequence(n, nil)
	list.Style = yaml.FlowStyle
	for _, item := range n.Content {
		list.Content = append(list.Content, s.value(item))
	}
	return list
}

// filter says a predicate that looks for a part of the name.
func (s *speaker) filter(where string) string {
	m := contains().FindStringSubmatch(where)
	if m == nil {
		s.ok = false
		return ""
	}
	if strings.HasPrefix(m[1], "'") {
		return strings.Trim(m[1], "'")
	}
	text, err := strconv.Unquote(m[1])
	s.ok = s.ok && err == nil
	return text
}

// stack says a stack of layers, each slice with its range.
func (s speaker) stack() ([]byte, bool) {
	if get(s.Fields, "tower") != nil {
		return nil, false // it would take modules
	}
	out, list := mapping(s.Fields, pair("merge_method", word(s.Fields, "passthrough"))), sequence(s.Fields, nil)
	if base := get(s.Fields, "base"); base != nil {
		add(out, "base_model", s.model(base))
	}
	for _, item := range get(s.Fields, "slices").Content {
		model, layers := get(item, "model"), get(item, "layers")
		if model == nil || layers == nil {
			return nil, false // mergekit wants a range
		}
		source := mapping(item, pair("model", s.model(model)), pair("layer_range", s.value(layers)))
		list.Content = append(list.Content, mapping(item, pair("sources", sequence(item, []*yaml.Node{source}))))
	}
	add(out, "slices", list)
	return s.end(out)
}
