package mergekit

import (
	"fmt"
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/rouxml/roux/schema"
)

// method says how a merge method's parameters map to its op.
type method struct {
	op       string
	base     bool
	optional bool    // a base may be given
	two      bool    // takes the base and one model
	perModel []param // of each model
	curves   []param // numbers of the whole merge
	flags    []string
	single   bool // takes one model
}

// param is a number with mergekit's default; required ones have none.
type param struct {
	name string
	def  string
}

var gta = method{base: true, perModel: []param{{"weight", ""}, {"density", "1"}}, curves: []param{{"lambda", "1"}}, flags: []string{"normalize", "rescale", "int8_mask"}}

func gtaOf(op string, perModel ...param) method {
	m := gta
	m.op, m.perModel = op, slices.Concat(gta.perModel, perModel)
	return m
}

var methods = map[string]method{
	"linear":          {op: "merge.linear", perModel: []param{{"weight", ""}}, flags: []string{"normalize"}},
	"slerp":           {op: "merge.slerp", base: true, two: true, curves: []param{{"t", ""}}},
	"nuslerp":         {op: "merge.nuslerp", optional: true, perModel: []param{{"weight", ""}}, flags: []string{"nuslerp_flatten", "nuslerp_row_wise"}},
	"multislerp":      {op: "merge.multislerp", optional: true, perModel: []param{{"weight", ""}}, curves: []param{{"eps", "1e-8"}}, flags: []string{"normalize_weights"}},
	"karcher":         {op: "merge.karcher", curves: []param{{"tol", "1e-5"}}, flags: []string{"max_iter"}},
	"model_stock":     {op: "merge.model_stock", base: true, flags: []string{"filter_wise"}},
	"arcee_fusion":    {op: "merge.arcee_fusion", base: true, two: true},
	"sce":             {op: "merge.sce", base: true, curves: []param{{"select_topk", "1"}}, flags: []string{"int8_mask"}},
	"ram":             {op: "merge.ram", base: true, curves: []param{{"epsilon", "1e-5"}}},
	"ramplus_tl":      {op: "merge.ramplus_tl", base: true, curves: []param{{"r", "0.1"}, {"alpha", "0.2"}, {"epsilon", "1e-5"}}},
	"nearswap":        {op: "merge.nearswap", base: true, two: true, curves: []param{{"t", ""}}},
	"task_arithmetic": gtaOf("merge.task_arithmetic"),
	"ties":            gtaOf("merge.ties"),
	"dare_ties":       gtaOf("merge.dare_ties"),
	"dare_linear":     gtaOf("merge.dare_linear"),
	"passthrough":     {single: true, perModel: []param{{"scale", "1"}}},

	"breadcrumbs":      gtaOf("merge.breadcrumbs", param{"gamma", "0.01"}),
	"breadcrumbs_ties": gtaOf("merge.breadcrumbs_ties", param{"gamma", "0.01"}),
	"della":            gtaOf("merge.della", param{"epsilon", "0.15"}),
	"della_linear":     gtaOf("merge.della_linear", param{"epsilon", "0.15"}),
}

// takesBase says whether a base has a part of its own in the method.
func (m method) takesBase() bool { return m.base || m.optional }

// merge emits the step for one list of sources. levels are the parameters
// below a source's own, nearest first.
func (c *compiler) merge(name string, at *yaml.Node, sources []source, base int, levels []level) string {
	m := methods[c.method]
	c.unknownParams(sources, levels, m)
	switch {
	case m.single:
		return c.passthrough(name, at, sources, levels)
	case m.two:
		return c.two(name, at, sources, base, levels)
	}
	var fields []schema.Pair
	if m.base && base < 0 {
		c.fail(at, "base_model", "name the model that the others were tuned from", "%s needs a base_model", c.method)
		return ""
	}
	if base >= 0 && m.takesBase() {
		fields = append(fields, pair("base", word(sources[base].node, sources[base].name)))
	}
	list := &yaml.Node{Kind: yaml.SequenceNode, Line: at.Line, Column: at.Column}
	for i, s := range sources {
		if m.takesBase() && i == base {
			continue
		}
		if m.perModel == nil {
			list.Content = append(list.Content, word(s.node, s.name))
			continue
		}
		entry := mapping(s.node, pair("model", word(s.node, s.name)))
		for _, p := range m.perModel {
			c.curve(entry, s.node, p, seenBy(s, levels))
		}
		list.Content = append(list.Content, entry)
	}
	fields = append(fields, pair("models", list))
	step := mapping(at)
	for _, p := range m.curves {
		c.curve(step, at, p, levels)
	}
	for _, flag := range m.flags {
		if v := lookup(flag, levels); set(v) {
			add(step, flag, v)
		}
	}
	fields = append(fields, pairsOf(step)...)
	return c.step(c.fresh(name), at, m.op, fields...)
}

func (c *compiler) passthrough(name string, at *yaml.Node, sources []source, levels []level) string {
	if len(sources) != 1 {
		c.fail(at, "models", "keep one, or choose another merge_method", "passthrough takes one model, found %d", len(sources))
		return ""
	}
	s := sources[0]
	scale := mapping(s.node)
	c.curve(scale, s.node, param{"scale", "1"}, seenBy(s, levels))
	if v := get(scale, "scale"); v == nil || v.Value == "1" {
		return s.name
	}
	return c.step(c.fresh(name), at, "edit.scale", append([]schema.Pair{pair("model", word(s.node, s.name))}, pairsOf(scale)...)...)
}

// two emits a merge of the base and one model.
func (c *compiler) two(name string, at *yaml.Node, sources []source, base int, levels []level) string {
	if len(sources) == 1 {
		return sources[0].name // a lone model passes through
	}
	if len(sources) != 2 || base < 0 {
		c.fail(at, "models", "name two models, one of them as base_model", "%s takes exactly two models, one of which is the base", c.method)
		return ""
	}
	m, other := methods[c.method], sources[1-base]
	step := mapping(at, pair("base", word(at, sources[base].name)), pair("model", word(other.node, other.name)))
	// These belong to the merge, but mergekit's users also write them with a source.
	for _, p := range m.curves {
		c.curve(step, at, p, levels)
	}
	return c.step(c.fresh(name), at, m.op, pairsOf(step)...)
}

// seenBy returns a source's levels of parameters. Filters on what belongs to a
// model see that model's own layer numbers, on whatever level they stand.
func seenBy(s source, levels []level) []level {
	all := []level{s.own}
	for _, l := range levels {
		all = append(all, level{l.params, s.own.start})
	}
	return all
}

// unknownParams notes parameters that the method does not have.
func (c *compiler) unknownParams(sources []source, levels []level, m method) {
	known := slices.Clone(m.flags)
	for _, p := range append(slices.Clone(m.perModel), m.curves...) {
		known = append(known, p.name)
	}
	all := slices.Clone(levels)
	for _, s := range sources {
		all = append(all, s.own)
	}
	for _, l := range all {
		if set(l.params) {
			c.keys(l.params, "parameters", known)
		}
	}
}

// lookup returns the nearest level's value.
func lookup(name string, levels []level) *yaml.Node {
	for _, l := range levels {
		if v := get(l.params, name); set(v) {
			return v
		}
	}
	return nil
}

// curve adds a number with mergekit's precedence: the nearest level that has a
// value for a tensor wins, and what a level's filters leave open falls through
// to the next.
func (c *compiler) curve(into, at *yaml.Node, p param, levels []level) {
	var cases []*yaml.Node
	for _, l := range levels {
		v := get(l.params, p.name)
		if !set(v) {
			continue
		}
		v = numeric(v)
		if !conditional(v) {
			if cases == nil {
				add(into, p.name, v)
				return
			}
			cases = append(cases, mapping(v, pair("value", v)))
			add(into, p.name, sequence(at, cases))
			return
		}
		more, closed := c.cases(v, l.start, p.name)
		cases = append(cases, more...)
		if closed {
			add(into, p.name, sequence(at, cases))
			return
		}
	}
	switch {
	case cases == nil && p.def != "":
	case cases == nil:
		c.fail(at, "parameters", fmt.Sprintf("write parameters: {%s: NUMBER}", p.name), "%s needs the parameter %q", c.method, p.name)
	default:
		if p.def != "" {
			cases = append(cases, mapping(at, pair("value", word(at, p.def))))
		}
		add(into, p.name, sequence(at, cases))
	}
}

// conditional says whether a value is a list of {filter, value}.
func conditional(v *yaml.Node) bool {
	return v.Kind == yaml.SequenceNode && len(v.Content) > 0 && deref(v.Content[0]).Kind == yaml.MappingNode
}

// cases compiles {filter, value} entries; closed says that the last one is for
// every tensor.
func (c *compiler) cases(v *yaml.Node, start int, name string) (out []*yaml.Node, closed bool) {
	for _, item := range v.Content {
		item = deref(item)
		value := numeric(get(item, "value"))
		if item.Kind != yaml.MappingNode || !set(value) {
			c.fail(item, "parameters."+name, "write {filter: TEXT, value: NUMBER}", "want a filter with a value")
			continue
		}
		filter := get(item, "filter")
		if !set(filter) || filter.Value == "*" {
			return append(out, mapping(item, pair("value", value))), true
		}
		where := fmt.Sprintf("name contains %q", filter.Value)
		if start > 0 && hasDigit(filter.Value) {
			where = fmt.Sprintf("(layer >= 0 ? renumber(name, layer + %d) : name) contains %q", start, filter.Value)
		}
		out = append(out, mapping(item, pair("where", word(filter, where)), pair("value", value)))
	}
	return out, false
}

func hasDigit(s string) bool {
	return slices.ContainsFunc([]byte(s), func(b byte) bool { return b >= '0' && b <= '9' })
}
