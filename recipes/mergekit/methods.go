package mergekit

import (
	"slices"
	"sync"

	"gopkg.in/yaml.v3"

	"github.com/rouxml/roux/schema"
)

// method says how a merge method's parameters map to its op.
type method struct {
	op       string
	base     bool
	optional bool     // a base may be given
	two      bool     // takes the base and one model
	perModel []param  // of each model
	curves   []param  // numbers of the whole merge
	flags    []param  // true or false, of the whole merge
	whole    []string // whole numbers of the whole merge
	single   bool     // takes one model
	alone    bool     // the base alone stays as it is
}

// param is a parameter with mergekit's default; required ones have none.
type param struct {
	name string
	def  string
}

var gta = method{base: true, alone: true, perModel: []param{{"weight", ""}, {"density", "1"}}, curves: []param{{"lambda", "1"}}}

// gtaOf is a member of the family of task arithmetic, with its defaults.
func gtaOf(op, normalize, rescale string, perModel ...param) method {
	m := gta
	m.op, m.perModel = op, slices.Concat(gta.perModel, perModel)
	m.flags = []param{{"normalize", normalize}, {"rescale", rescale}, {"int8_mask", "false"}}
	return m
}

var methods = sync.OnceValue(func() map[string]method {
	return map[string]method{
		"linear":          {op: "merge.linear", perModel: []param{{"weight", ""}}, flags: []param{{"normalize", "true"}}},
		"slerp":           {op: "merge.slerp", base: true, two: true, curves: []param{{"t", ""}}},
		"nuslerp":         {op: "merge.nuslerp", optional: true, perModel: []param{{"weight", ""}}, flags: []param{{"nuslerp_flatten", "true"}, {"nuslerp_row_wise", "false"}}},
		"multislerp":      {op: "merge.multislerp", optional: true, perModel: []param{{"weight", ""}}, curves: []param{{"eps", "1e-8"}}, flags: []param{{"normalize_weights", "true"}}},
		"karcher":         {op: "merge.karcher", curves: []param{{"tol", "1e-5"}}, whole: []string{"max_iter"}},
		"model_stock":     {op: "merge.model_stock", base: true, flags: []param{{"filter_wise", "false"}}},
		"arcee_fusion":    {op: "merge.arcee_fusion", base: true, two: true},
		"sce":             {op: "merge.sce", base: true, alone: true, curves: []param{{"select_topk", "1"}}, flags: []param{{"int8_mask", "false"}}},
		"ram":             {op: "merge.ram", base: true, alone: true, curves: []param{{"epsilon", "1e-5"}}},
		"ramplus_tl":      {op: "merge.ramplus_tl", base: true, alone: true, curves: []param{{"r", "0.1"}, {"alpha", "0.2"}, {"epsilon", "1e-5"}}},
		"nearswap":        {op: "merge.nearswap", base: true, two: true, curves: []param{{"t", ""}}},
		"task_arithmetic": gtaOf("merge.task_arithmetic", "false", "false"),
		"ties":            gtaOf("merge.ties", "true", "false"),
		"dare_ties":       gtaOf("merge.dare_ties", "false", "true"),
		"dare_linear":     gtaOf("merge.dare_linear", "false", "true"),
		"passthrough":     {single: true, perModel: []param{{"scale", "1"}}},

		"breadcrumbs":      gtaOf("merge.breadcrumbs", "false", "false", param{"gamma", "0.01"}),
		"breadcrumbs_ties": gtaOf("merge.breadcrumbs_ties", "false", "false", param{"gamma", "0.01"}),
		"della":            gtaOf("merge.della", "true", "true", param{"epsilon", "0.15"}),
		"della_linear":     gtaOf("merge.della_linear", "false", "true", param{"epsilon", "0.15"}),
	}
})

// takesBase says whether a base has a part of its own in the method.
func (m method) takesBase() bool { return m.base || m.optional }

// job is one merge: what it is of and with which parameters.
type job struct {
	name    string
	at      *yaml.Node
	sources []source
	base    int     // index into sources, or -1
	levels  []level // of parameters below a source's own, nearest first
	where   string  // tensors that it is about; empty: all
}

// merge emits the step for one list of sources.
func (c *compiler) merge(name string, at *yaml.Node, sources []source, base int, levels []level, where string) merged {
	m := methods()[c.method]
	if !c.known() || len(sources) == 0 {
		return merged{} // what is wrong is told
	}
	j := job{name, at, sources, base, levels, where}
	c.unusedParams(j, m)
	switch {
	case m.single:
		return c.passthrough(j)
	case m.base && base < 0 && (c.base != nil || set(get(at, "base_model"))):
		return c.unmerged(j, m) // what is wrong with the base is told
	case len(sources) == 1 && (m.two || m.alone && base == 0):
		return merged{sources[0].name, sources[0].ref} // a lone model passes through
	case m.two && (len(sources) != 2 || base < 0):
		c.fail(at, "models", "name two models, one of them as base_model", "%s takes exactly two models, one of which is the base", c.method)
		return c.unmerged(j, m)
	case m.base && base < 0:
		c.fail(at, "base_model", "name the model that the others were tuned from", "%s needs a base_model", c.method)
		return c.unmerged(j, m)
	}
	donor := sources[0].ref
	if base >= 0 && m.takesBase() {
		donor = sources[base].ref
	}
	return merged{c.vary(j, m, c.fields(j, m), m.flags), donor}
}

// unmerged reads the parameters of a merge that cannot be, for their problems.
func (c *compiler) unmerged(j job, m method) merged {
	c.fields(j, m)
	for _, p := range m.flags {
		c.flag(p, j.levels)
	}
	return merged{}
}

// fields are the step's models and numbers.
func (c *compiler) fields(j job, m method) []schema.Pair {
	var fields []schema.Pair
	if j.base >= 0 && m.takesBase() {
		fields = append(fields, pair("base", word(j.sources[j.base].node, j.sources[j.base].name)))
	}
	list := sequence(j.at, nil)
	for i, s := range j.sources {
		if m.takesBase() && i == j.base {
			continue
		}
		switch {
		case m.two:
			fields = append(fields, pair("model", word(s.node, s.name)))
		case m.perModel == nil:
			list.Content = append(list.Content, word(s.node, s.name))
		default:
			entry := mapping(s.node, pair("model", word(s.node, s.name)))
			for _, p := range m.perModel {
				c.curve(entry, s.node, p, seenBy(s, j.levels), " of "+s.ref)
			}
			list.Content = append(list.Content, entry)
		}
	}
	if !m.two {
		fields = append(fields, pair("models", list))
	}
	numbers := mapping(j.at)
	for _, p := range m.curves {
		c.curve(numbers, j.at, p, j.levels, "")
	}
	for _, name := range m.whole {
		c.wholeNumber(numbers, name, j.levels)
	}
	return append(append(fields, pairsOf(numbers)...), c.compatFields(j)...)
}

// vary emits the step with its flags. A flag that differs between tensors is
// two merges, of which each tensor takes one.
func (c *compiler) vary(j job, m method, fields []schema.Pair, flags []param) string {
	if len(flags) == 0 {
		if j.where != "" {
			fields = append(fields, pair("where", word(j.at, j.where)))
		}
		return c.step(c.fresh(j.name), j.at, m.op, fields...)
	}
	flag := flags[0]
	value := c.flag(flag, j.levels)
	switch {
	case value.node == nil:
		return c.vary(j, m, fields, flags[1:])
	case value.where == "":
		return c.vary(j, m, append(fields, pair(flag.name, value.node)), flags[1:])
	}
	on, off := slices.Clone(fields), slices.Clone(fields)
	yes, no := j, j
	yes.name, no.name = j.name+"-"+flag.name, j.name+"-no-"+flag.name
	first := c.vary(yes, m, append(on, pair(flag.name, boolean(value.node, true))), flags[1:])
	second := c.vary(no, m, append(off, pair(flag.name, boolean(value.node, false))), flags[1:])
	models := sequence(value.node, []*yaml.Node{
		mapping(value.node, pair("model", word(value.node, first)), pair("where", word(value.node, value.where))),
		word(value.node, second),
	})
	return c.step(c.fresh(j.name), value.node, "edit.choose", pair("models", models))
}

func (c *compiler) passthrough(j job) merged {
	if len(j.sources) != 1 {
		c.fail(j.at, "models", "keep one, or choose another merge_method", "passthrough takes one model, found %d", len(j.sources))
		return merged{}
	}
	s := j.sources[0]
	scale := mapping(s.node)
	c.curve(scale, s.node, param{"scale", "1"}, seenBy(s, j.levels), " of "+s.ref)
	v := get(scale, "scale")
	if v == nil || v.Value == "1" {
		return merged{s.name, s.ref}
	}
	fields := append([]schema.Pair{pair("model", word(s.node, s.name))}, pairsOf(scale)...)
	if j.where != "" {
		fields = append(fields, pair("where", word(j.at, j.where)))
	}
	return merged{c.step(c.fresh(j.name), j.at, "edit.scale", fields...), s.ref}
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

// unusedParams notes parameters that the method does not have, or not where
// they stand.
func (c *compiler) unusedParams(j job, m method) {
	models, shared := c.ofModel(), []string(nil)
	for _, p := range slices.Concat(m.curves, m.flags) {
		shared = append(shared, p.name)
	}
	shared = append(shared, m.whole...)
	for _, l := range j.levels {
		c.parameters(l.params, slices.Concat(models, shared))
	}
	for i, s := range j.sources {
		c.parameters(s.own.params, slices.Concat(models, shared))
		c.misplaced(s, models, shared)
		if i == j.base && m.takesBase() && set(s.own.params) {
			c.note(s.own.params, "mergekit ignores parameters of the base model")
		}
	}
}

// misplaced tells of parameters that stand where mergekit does not look for
// them: those of the merge on a model, and those of a model beside the key
// parameters.
func (c *compiler) misplaced(s source, models, shared []string) {
	for _, name := range shared {
		if n := get(s.own.params, name); set(n) {
			c.ignored(n, "write it below parameters on the top level", "mergekit ignores %q on a single model: it belongs to the merge", name)
		}
	}
	for _, name := range models {
		if n := get(s.node, name); set(n) && s.node.Kind == yaml.MappingNode {
			c.ignored(n, "write it below parameters", "mergekit ignores %q beside parameters", name)
		}
	}
}

func (c *compiler) parameters(n *yaml.Node, known []string) {
	switch {
	case !set(n):
	case n.Kind != yaml.MappingNode:
		c.fail(n, "parameters", "write parameters: {NAME: VALUE}", "want a mapping")
	default:
		c.keys(n, "parameters", known)
	}
}
