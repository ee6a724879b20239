package mergekit

import (
	"fmt"

	"gopkg.in/yaml.v3"

	"github.com/rouxml/roux/schema"
)

// slicing is one slice on its way.
type slicing struct {
	node    *yaml.Node
	sources []source
	base    int
	levels  []level
	length  int
	merged  merged
}

// sliced compiles the layer-assembly form: every slice is a merge of its own
// over models that are cut to their layer ranges, which makes gradients run
// within the slice; then all are stacked.
func (c *compiler) sliced(list *yaml.Node, path string, inner []level, where string) merged {
	if list.Kind != yaml.SequenceNode {
		c.fail(list, path, "write slices: [{sources: [...]}]", "want a list")
		return merged{}
	}
	var all []slicing
	var parts []*yaml.Node
	done := 0 // layers of the output so far
	for k, item := range list.Content {
		s := c.slice(k, deref(item), done, fmt.Sprintf("%s[%d]", path, k), inner, where)
		done += s.length
		all = append(all, s)
		parts = append(parts, c.part(s))
	}
	if c.problems != nil {
		return merged{}
	}
	fields, donor := []schema.Pair{pair("slices", sequence(list, parts))}, all[0].merged.donor
	if before := c.restacked; before.name != "" { // whose config counts its layers
		fields, donor = append([]schema.Pair{pair("base", word(list, before.name))}, fields...), before.donor
	} else if c.base != nil {
		if ref := c.reference(c.base, c.base); ref != donor {
			fields, donor = append([]schema.Pair{pair("base", word(c.base, c.donor(ref)))}, fields...), ref
		}
	}
	fields = append(fields, c.towered(list)...)
	return merged{c.compatHead(c.step(c.fresh(c.label("stacked")), list, "resize.stack", fields...), all, where), donor}
}

// part is a slice as resize.stack takes it. Layers that are cut out and not
// merged need no step of their own.
func (c *compiler) part(s slicing) *yaml.Node {
	cutting, ok := c.cuts[s.merged.name]
	if !ok {
		return mapping(s.node, pair("model", word(s.node, s.merged.name)))
	}
	drop(c.steps, s.merged.name)
	return cutting
}

// slice merges one slice. Filters on what belongs to the merge see the output's
// layer numbers.
func (c *compiler) slice(k int, item *yaml.Node, done int, where string, inner []level, pred string) slicing {
	out := slicing{node: item}
	if !c.isMapping(item, where, "{sources: [{model: PATH, layer_range: [0, 8]}]}") {
		return out
	}
	c.keys(item, where, []string{"sources", "base_model", "parameters", "residual_weight"})
	if n := get(item, "residual_weight"); set(n) {
		c.note(n, "mergekit takes residual_weight and makes no use of it")
	}
	list := get(item, "sources")
	if !set(list) || list.Kind != yaml.SequenceNode || len(list.Content) == 0 {
		c.fail(item, where, "write sources: [{model: PATH, layer_range: [0, 8]}]", "the slice has no sources")
		return out
	}
	for i, s := range list.Content {
		c.source(&out, k, deref(s), fmt.Sprintf("%s.sources[%d]", where, i))
	}
	if len(out.sources) == 0 {
		return out
	}
	out.base = c.baseOf(item, &out.sources)
	out.levels = []level{{get(item, "parameters"), done}}
	for _, l := range append(inner, c.top) {
		out.levels = append(out.levels, level{l.params, done})
	}
	out.merged = c.merge(fmt.Sprintf("slice%d", k), item, out.sources, out.base, out.levels, pred)
	return out
}

// source reads one source of a slice.
func (c *compiler) source(into *slicing, k int, s *yaml.Node, path string) {
	if !c.isMapping(s, path, "{model: PATH, layer_range: [0, 8]}") {
		return
	}
	c.keys(s, path, append([]string{"model", "layer_range", "parameters"}, c.ofModel()...))
	start, end, ok := c.layerRange(s, path)
	switch {
	case !ok:
		return
	case into.length == 0:
		into.length = end - start
	case end-start != into.length:
		c.fail(s, path, "", "the layer range has %d layers, the first source's has %d", end-start, into.length)
	}
	ref := c.reference(get(s, "model"), s)
	into.sources = append(into.sources, source{node: s, ref: ref, name: c.cut(k, ref, s, start, end), own: level{get(s, "parameters"), start}})
}

// cut emits a model's layers [start, end) as a model of their own.
func (c *compiler) cut(k int, ref string, at *yaml.Node, start, end int) string {
	name := c.load(ref, at)
	if name == "" {
		return ""
	}
	place := at
	if n := get(at, "layer_range"); n != nil {
		place = n
	}
	layers := sequence(at, []*yaml.Node{number(at, start), number(at, end)})
	layers.Style = yaml.FlowStyle
	cutting := mapping(place, pair("model", word(place, name)), pair("layers", layers))
	fields := append([]schema.Pair{pair("slices", sequence(at, []*yaml.Node{cutting}))}, c.towered(place)...)
	step := c.step(c.fresh(fmt.Sprintf("%s-slice%d", name, k)), place, "resize.stack", fields...)
	c.cuts[step] = cutting
	return step
}

// towered says whose layers are stacked, if not the text model's.
func (c *compiler) towered(at *yaml.Node) []schema.Pair {
	if c.tower == "" {
		return nil
	}
	return []schema.Pair{pair("tower", word(at, c.tower))}
}

func (c *compiler) layerRange(s *yaml.Node, at string) (start, end int, ok bool) {
	n := get(s, "layer_range")
	if !set(n) || n.Kind != yaml.SequenceNode || len(n.Content) != 2 {
		c.fail(s, at, "write layer_range: [0, 8]", "want a layer_range of two numbers")
		return 0, 0, false
	}
	first, last := deref(n.Content[0]), deref(n.Content[1])
	start, ok1 := asWhole(first)
	end, ok2 := asWhole(last)
	switch path := at + ".layer_range"; {
	case !ok1 || !ok2:
		c.fail(n, path, "write layer_range: [0, 8]", "want two whole numbers, found [%s, %s]", first.Value, last.Value)
	case start < 0 || end < 0:
		c.fail(n, path, "layers count from 0, and mergekit does not count from the end either", "layer_range [%d, %d] is negative", start, end)
	case end < start:
		c.fail(n, path, "turn it round", "layer_range [%d, %d] ends before it begins", start, end)
	case end == start:
		c.fail(n, path, "layers count from 0 and the end is not included", "layer_range [%d, %d] holds no layers", start, end)
	default:
		return start, end, true
	}
	return 0, 0, false
}
