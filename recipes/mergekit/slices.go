package mergekit

import (
	"fmt"
	"strconv"

	"gopkg.in/yaml.v3"
)

// sliced compiles the layer-assembly form: every slice is a merge of its own
// over models that are cut to their layer ranges, which makes gradients run
// within the slice; then all are stacked.
func (c *compiler) sliced(list *yaml.Node) string {
	if list.Kind != yaml.SequenceNode {
		c.fail(list, "slices", "write slices: [{sources: [...]}]", "want a list")
		return ""
	}
	var parts []*yaml.Node
	done := 0 // layers of the output so far
	for k, item := range list.Content {
		name, length := c.slice(k, deref(item), done)
		done += length
		parts = append(parts, mapping(item, pair("model", word(item, name))))
	}
	if c.problems != nil {
		return ""
	}
	return c.step(c.fresh("stacked"), list, "resize.stack", pair("slices", sequence(list, parts)))
}

// slice returns the name of the slice's model and how many layers it has.
// Filters on what belongs to the merge see the output's layer numbers.
func (c *compiler) slice(k int, item *yaml.Node, done int) (string, int) {
	where := fmt.Sprintf("slices[%d]", k)
	c.keys(item, where, []string{"sources", "base_model", "parameters", "residual_weight"})
	list := get(item, "sources")
	if !set(list) || list.Kind != yaml.SequenceNode || len(list.Content) == 0 {
		c.fail(item, where, "write sources: [{model: PATH, layer_range: [0, 8]}]", "the slice has no sources")
		return "", 0
	}
	var sources []source
	length := -1
	for i, s := range list.Content {
		s = deref(s)
		at := fmt.Sprintf("%s.sources[%d]", where, i)
		c.keys(s, at, []string{"model", "layer_range", "parameters"})
		start, end, ok := c.layerRange(s, at)
		if ok && length >= 0 && end-start != length {
			c.fail(s, at, "", "the layer range has %d layers, the first source's has %d", end-start, length)
		}
		if length < 0 {
			length = end - start
		}
		ref := c.reference(get(s, "model"), s)
		if c.problems == nil {
			sources = append(sources, source{node: s, ref: ref, name: c.cut(k, ref, s, start, end), own: level{get(s, "parameters"), start}})
		}
	}
	if c.problems != nil {
		return "", 0
	}
	base := c.baseOf(item, &sources)
	levels := []level{{get(item, "parameters"), done}, {c.top.params, done}}
	return c.merge(fmt.Sprintf("slice%d", k), item, sources, base, levels), length
}

// cut emits a model's layers [start, end) as a model of their own.
func (c *compiler) cut(k int, ref string, at *yaml.Node, start, end int) string {
	name := c.load(ref, at)
	cutting := mapping(at, pair("model", word(at, name)), pair("layers", sequence(at, []*yaml.Node{number(at, start), number(at, end)})))
	return c.step(c.fresh(fmt.Sprintf("%s-slice%d", name, k)), at, "resize.stack", pair("slices", sequence(at, []*yaml.Node{cutting})))
}

func (c *compiler) layerRange(s *yaml.Node, at string) (start, end int, ok bool) {
	n := get(s, "layer_range")
	if !set(n) || n.Kind != yaml.SequenceNode || len(n.Content) != 2 {
		c.fail(s, at, "write layer_range: [0, 8]", "want a layer_range of two numbers")
		return 0, 0, false
	}
	start, err1 := strconv.Atoi(deref(n.Content[0]).Value)
	end, err2 := strconv.Atoi(deref(n.Content[1]).Value)
	if err1 != nil || err2 != nil || start < 0 || end <= start {
		c.fail(n, at+".layer_range", "layers count from 0 and the end is not included", "layer_range [%s, %s] holds no layers", n.Content[0].Value, n.Content[1].Value)
		return 0, 0, false
	}
	return start, end, true
}
