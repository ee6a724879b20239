package recipes

import (
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/rouxml/roux/schema"
)

// maxVariants bounds the steps that one matrix stands for.
const maxVariants = 10_000

// expand evaluates a step's expressions and cuts a matrix into its variants.
func (p *parser) expand(pair schema.Pair) []rawStep {
	name := pair.Key.Value
	path := "steps." + name
	env := map[string]any{"params": p.params}
	m := valueOf(pair.Value, "matrix")
	if m == nil {
		node := p.interpolate(pair.Value, env, path)
		r := p.cut(name, pair.Key, node, path)
		if node.Kind != yaml.MappingNode {
			return nil
		}
		return []rawStep{r}
	}
	if !p.claim(pair.Key, path, name, false) {
		p.mention(pair.Value)
		return nil
	}
	var all []rawStep
	p.variants[name] = nil
	for _, c := range p.combinations(p.interpolate(m, env, path+".matrix"), path+".matrix") {
		if p.spent > maxNodes {
			break
		}
		one := name + "-" + c.label
		node := p.interpolate(pair.Value, map[string]any{"params": p.params, "matrix": c.values}, path)
		r := p.cut(one, pair.Key, node, path)
		r.matrix = name
		p.variants[name] = append(p.variants[name], one)
		all = append(all, r)
	}
	if all == nil {
		p.mention(pair.Value)
	}
	return all
}

// valueOf returns the value of a key, or nil.
func valueOf(n *yaml.Node, key string) *yaml.Node {
	if n.Kind != yaml.MappingNode {
		return nil
	}
	pairs, _ := schema.Pairs(n, "", "") // problems are reported when it is cut
	for _, pair := range pairs {
		if pair.Key.Value == key {
			return pair.Value
		}
	}
	return nil
}

// combo is one point of a matrix.
type combo struct {
	label  string
	values map[string]any
}

// combinations lists every point of a matrix, the last key fastest.
func (p *parser) combinations(n *yaml.Node, path string) []combo {
	all := []combo{{values: map[string]any{}}}
	pairs := p.pairs(n, path, "write matrix: {name: [value, value]}")
	if len(pairs) == 0 && n.Kind == yaml.MappingNode {
		p.fail(n, path, "write matrix: {name: [value, value]}", "the matrix is empty")
	}
	for _, pair := range pairs {
		at := path + "." + pair.Key.Value
		values := p.axis(pair.Value, at)
		if len(values)*len(all) > maxVariants {
			p.fail(n, path, "", "a matrix of more than %d steps", maxVariants)
			return nil
		}
		var next []combo
		for _, c := range all {
			for _, v := range values {
				m := map[string]any{pair.Key.Value: v.value}
				for k, old := range c.values {
					m[k] = old
				}
				next = append(next, combo{strings.TrimPrefix(c.label+"-"+v.label, "-"), m})
			}
		}
		all = next
	}
	if len(pairs) == 0 {
		return nil
	}
	return all
}

// point is one value of a matrix's key; its label is as the file writes it.
type point struct {
	label string
	value any
}

func (p *parser) axis(n *yaml.Node, path string) []point {
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		p.fail(n, path, "write name: [value, value]", "want a list of values, found %s", describe(n))
		return nil
	}
	var values []point
	for _, item := range n.Content {
		var v any
		if err := item.Decode(&v); err != nil || item.Kind != yaml.ScalarNode || v == nil {
			p.fail(item, path, "steps are named after the values", "want a number or a word, found %s", describe(item))
			return nil
		}
		values = append(values, point{item.Value, v})
	}
	return values
}

// spread replaces the name of a matrix in a list by the names of its variants.
func (p *parser) spread(n *yaml.Node) {
	for _, c := range n.Content {
		p.spread(c)
	}
	if n.Kind != yaml.SequenceNode {
		return
	}
	var content []*yaml.Node
	for _, c := range n.Content {
		names := p.variants[c.Value]
		if c.Kind != yaml.ScalarNode || len(names) == 0 {
			content = append(content, c)
			continue
		}
		for _, name := range names {
			content = append(content, &yaml.Node{Kind: yaml.ScalarNode, Value: name, Line: c.Line, Column: c.Column})
		}
	}
	n.Content = content
}
