package mergekit

import (
	"strconv"

	"gopkg.in/yaml.v3"

	"github.com/rouxml/roux/schema"
)

// deref follows an alias.
func deref(n *yaml.Node) *yaml.Node {
	if n != nil && n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// get returns the value of a key, or nil. Merge keys count.
func get(n *yaml.Node, key string) *yaml.Node {
	n = deref(n)
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	pairs, _ := schema.Pairs(n, "", "") // problems are reported by keys
	for _, p := range pairs {
		if p.Key.Value == key {
			return p.Value
		}
	}
	return nil
}

// set says whether a node holds something.
func set(n *yaml.Node) bool {
	return n != nil && (n.Kind != yaml.ScalarNode || n.Tag != "!!null" && n.Value != "")
}

// word makes a scalar at the place of another node.
func word(at *yaml.Node, s string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s, Line: at.Line, Column: at.Column}
}

func number(at *yaml.Node, i int) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: strconv.Itoa(i), Line: at.Line, Column: at.Column}
}

func pair(key string, value *yaml.Node) schema.Pair {
	return schema.Pair{Key: word(value, key), Value: value}
}

func mapping(at *yaml.Node, pairs ...schema.Pair) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: at.Line, Column: at.Column}
	for _, p := range pairs {
		n.Content = append(n.Content, p.Key, p.Value)
	}
	return n
}

func sequence(at *yaml.Node, items []*yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Line: at.Line, Column: at.Column, Content: items}
}

func add(n *yaml.Node, key string, value *yaml.Node) {
	n.Content = append(n.Content, word(value, key), value)
}

// drop takes a key out of a mapping.
func drop(n *yaml.Node, key string) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			n.Content = append(n.Content[:i:i], n.Content[i+2:]...)
			return
		}
	}
}

func pairsOf(n *yaml.Node) []schema.Pair {
	var pairs []schema.Pair
	for i := 0; i+1 < len(n.Content); i += 2 {
		pairs = append(pairs, schema.Pair{Key: n.Content[i], Value: n.Content[i+1]})
	}
	return pairs
}

// scalar makes a scalar at the place of another node.
func scalar(at *yaml.Node, tag, s string) *yaml.Node {
	n := word(at, s)
	n.Tag = tag
	return n
}

func boolean(at *yaml.Node, b bool) *yaml.Node {
	return scalar(at, "!!bool", strconv.FormatBool(b))
}

// empty says whether a list or mapping holds nothing.
func empty(n *yaml.Node) bool { return n.Kind != yaml.ScalarNode && len(n.Content) == 0 }
