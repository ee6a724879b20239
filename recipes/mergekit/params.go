package mergekit

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/rouxml/roux/schema"
)

// kind is what a parameter's values are.
type kind int

const (
	float kind = iota
	truth
)

// piece is a value with the tensors that it is for.
type piece struct {
	where string     // empty: all
	value *yaml.Node // a number or a list of numbers; of flags, true or false or a list of them
	at    *yaml.Node
}

// pieces lists a parameter's values with mergekit's precedence: the nearest
// level that has a value for a tensor wins, and what a level's filters leave
// open falls through to the next. closed says that the last one is for every
// tensor that is left.
func (c *compiler) pieces(name string, k kind, levels []level) (all []piece, closed bool) {
	for _, l := range levels {
		v := get(l.params, name)
		if !set(v) || v.Kind == yaml.SequenceNode && len(v.Content) == 0 {
			continue
		}
		more, last := c.setting(v, l.start, name, k)
		if all = append(all, more...); last {
			return all, true
		}
	}
	return all, false
}

// setting reads one level's value: a number, a list over layers, or filters.
func (c *compiler) setting(v *yaml.Node, start int, name string, k kind) (all []piece, closed bool) {
	entries := []*yaml.Node{v}
	if v.Kind == yaml.SequenceNode && deref(v.Content[0]).Kind == yaml.MappingNode {
		entries = v.Content
	} else if v.Kind != yaml.MappingNode {
		return []piece{{"", c.plain(v, name, k), v}}, true
	}
	for _, item := range entries {
		item = deref(item)
		value := get(item, "value")
		if item.Kind != yaml.MappingNode || !set(value) || empty(value) {
			c.fail(item, "parameters."+name, "write {filter: TEXT, value: NUMBER}", "want a filter with a value")
			continue
		}
		c.keys(item, "parameters."+name, []string{"filter", "value"})
		filter := get(item, "filter")
		one := piece{value: c.plain(value, name, k), at: item}
		if filter == nil || filter.Tag == "!!null" || filter.Value == "*" || filter.Value == "" {
			return append(all, one), true
		}
		one.where = whereOf(filter.Value, start)
		all = append(all, one)
	}
	return all, false
}

// whereOf says a filter in the recipe's language.
func whereOf(filter string, start int) string {
	if start > 0 && hasDigit(filter) {
		return fmt.Sprintf("(layer >= 0 ? renumber(name, layer + %d) : name) contains %q", start, filter)
	}
	return fmt.Sprintf("name contains %q", filter)
}

func hasDigit(s string) bool {
	return slices.ContainsFunc([]byte(s), func(b byte) bool { return b >= '0' && b <= '9' })
}

// plain reads a number or a list of them.
func (c *compiler) plain(v *yaml.Node, name string, k kind) *yaml.Node {
	if v.Kind != yaml.SequenceNode {
		return c.scalar(v, name, k)
	}
	list := *v
	list.Content = nil
	for _, item := range v.Content {
		list.Content = append(list.Content, c.scalar(deref(item), name, k))
	}
	return &list
}

// scalar reads one value as mergekit does: true and false are numbers too, and
// numbers may be quoted. Words are neither.
func (c *compiler) scalar(v *yaml.Node, name string, k kind) *yaml.Node {
	want, cure := "a number", "a recipe may compute it by an expression: roux import makes one of this file"
	switch k {
	case float:
		if b, ok := schema.BoolWord(v); ok {
			return number(v, map[bool]int{true: 1}[b])
		}
		if text, ok := asNumber(v); ok {
			return scalar(v, "!!float", text)
		}
	case truth:
		if b, ok := asTruth(v); ok {
			return boolean(v, b)
		}
		want = "true or false"
	}
	if k != float || v.Kind != yaml.ScalarNode {
		cure = ""
	}
	c.fail(v, "parameters."+name, cure, "want %s, a list of them or filters, found %s", want, describe(v))
	return v
}

// asNumber reads numbers of YAML 1.1, plain or quoted.
func asNumber(n *yaml.Node) (text string, ok bool) {
	if n.Kind != yaml.ScalarNode {
		return "", false
	}
	text = strings.TrimSpace(n.Value)
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		i, other := strconv.ParseInt(text, 0, 64) // 1_000, 0x10
		v, err, text = float64(i), other, strconv.FormatInt(i, 10)
	}
	return text, err == nil && !math.IsNaN(v) && !math.IsInf(v, 0)
}

// asWhole reads whole numbers, also as 4.0 or quoted.
func asWhole(n *yaml.Node) (int, bool) {
	text, ok := asNumber(n)
	x, err := strconv.ParseFloat(text, 64)
	return int(x), ok && err == nil && x == math.Trunc(x) && math.Abs(x) < 1<<53
}

// asTruth reads what pydantic takes for true and false.
func asTruth(n *yaml.Node) (value, ok bool) {
	if n.Kind != yaml.ScalarNode {
		return false, false
	}
	switch strings.ToLower(strings.TrimSpace(n.Value)) {
	case "true", "yes", "on", "y", "t", "1", "1.0":
		return true, true
	case "false", "no", "off", "n", "f", "0", "0.0":
		return false, true
	}
	return false, false
}

func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	return strconv.Quote(n.Value)
}

// curve adds a number. One that is required and has no value for some tensor is
// an error at that tensor, as in mergekit.
func (c *compiler) curve(into, at *yaml.Node, p param, levels []level, of string) {
	all, closed := c.pieces(p.name, float, levels)
	switch {
	case len(all) == 0 && p.def != "":
		return
	case len(all) == 0:
		c.fail(at, "parameters", fmt.Sprintf("write parameters: {%s: NUMBER}", p.name), "%s needs the parameter %q", c.method, p.name)
		return
	case closed && len(all) == 1:
		add(into, p.name, all[0].value)
		return
	case !closed && p.def != "":
		all = append(all, piece{"", scalar(at, "!!float", p.def), at})
	case !closed:
		all = append(all, piece{"", word(at, fmt.Sprintf("fail(%q)", fmt.Sprintf("no filter of %s%s is in the tensor's name: add a last entry without a filter", p.name, of))), at})
	}
	add(into, p.name, cases(at, all))
}

// cases is a list of {where, value}.
func cases(at *yaml.Node, all []piece) *yaml.Node {
	list := sequence(at, nil)
	for _, one := range all {
		entry := mapping(one.at)
		if one.where != "" {
			add(entry, "where", word(one.at, one.where))
		}
		add(entry, "value", one.value)
		list.Content = append(list.Content, entry)
	}
	return list
}

// wholeNumber adds a whole number, which cannot vary.
func (c *compiler) wholeNumber(into *yaml.Node, name string, levels []level) {
	for _, l := range levels {
		v := get(l.params, name)
		if !set(v) {
			continue
		}
		x, ok := asWhole(v)
		if !ok {
			c.fail(v, "parameters."+name, "it is the same for all tensors", "want one whole number, found %s", describe(v))
			return
		}
		add(into, name, number(v, x))
		return
	}
}

// flagValue is true or false: the same everywhere, or true where an expression
// holds. Without a node it has no value.
type flagValue struct {
	node  *yaml.Node
	where string
}

func (c *compiler) flag(p param, levels []level) flagValue {
	all, closed := c.pieces(p.name, truth, levels)
	switch {
	case len(all) == 0:
		return flagValue{}
	case closed && len(all) == 1 && all[0].value.Kind == yaml.ScalarNode:
		return flagValue{node: all[0].value}
	}
	expr := p.def
	for _, one := range slices.Backward(all) {
		if value := gradientOf(one.value); one.where == "" {
			expr = value
		} else {
			expr = fmt.Sprintf("%s ? %s : (%s)", one.where, value, expr)
		}
	}
	return flagValue{all[0].at, expr}
}

// gradientOf is the flag that a list gives to each layer: the last one that
// begins at or before it.
func gradientOf(v *yaml.Node) string {
	if v.Kind == yaml.ScalarNode {
		return v.Value
	}
	last := len(v.Content) - 1
	expr := v.Content[last].Value
	for i, item := range slices.Backward(v.Content[:last]) {
		expr = fmt.Sprintf("int((layers == 1 && layer == 0 ? 1 : depth) * %d) <= %d ? %s : (%s)", last, i, item.Value, expr)
	}
	return "(" + expr + ")"
}
