package schema

import (
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

// maxAliases bounds how many aliases one node path may go through, so that a
// file cannot loop.
const maxAliases = 100

// deref follows aliases.
func deref(n *yaml.Node) *yaml.Node {
	for i := 0; n != nil && n.Kind == yaml.AliasNode && i < maxAliases; i++ {
		n = n.Alias
	}
	return n
}

func posOf(n *yaml.Node, file string) Pos {
	if n == nil {
		return Pos{File: file}
	}
	return Pos{File: file, Line: n.Line, Column: n.Column}
}

// NodePos returns the place of a node.
func NodePos(n *yaml.Node, file string) Pos { return posOf(n, file) }

// scalarNode makes a scalar as if it had stood in the file.
func scalarNode(s string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Value: s}
}

// describe names what was found, for "want X, found Y".
func describe(n *yaml.Node) string {
	switch {
	case n == nil || n.Kind == 0:
		return "nothing"
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode && len(n.Content) == 0:
		return "an empty list"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Tag == "!!null":
		return "null"
	}
	return fmt.Sprintf("%q", n.Value)
}

// Pair is one key of a mapping with its value.
type Pair struct{ Key, Value *yaml.Node }

// Pairs lists the keys of a mapping in file order, with merge keys (`<<`)
// folded in behind the mapping's own, which win. A key that stands twice is a
// problem.
func Pairs(n *yaml.Node, file, path string) ([]Pair, Problems) {
	return pairs(n, file, path, 0)
}

func pairs(n *yaml.Node, file, path string, depth int) ([]Pair, Problems) {
	n = deref(n)
	var own []Pair
	var merged []*yaml.Node
	var problems Problems
	at := map[string]*yaml.Node{}
	if depth > maxAliases {
		return nil, Problems{{Pos: posOf(n, file), Path: path, Msg: "merge keys nest too deeply"}}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if k.Tag == "!!merge" || k.Value == "<<" {
			merged = append(merged, v)
			continue
		}
		if first := at[k.Value]; first != nil {
			problems = append(problems, Problem{Pos: posOf(k, file), Path: path, Msg: fmt.Sprintf("key %q stands twice, first at line %d", k.Value, first.Line)})
			continue
		}
		at[k.Value] = k
		own = append(own, Pair{k, deref(v)})
	}
	for _, m := range merged {
		more, worse := mergedPairs(m, file, path, depth)
		problems = append(problems, worse...)
		for _, p := range more {
			if at[p.Key.Value] == nil {
				at[p.Key.Value] = p.Key
				own = append(own, p)
			}
		}
	}
	return own, problems
}

// mergedPairs reads the value of a merge key: a mapping or a list of them.
func mergedPairs(n *yaml.Node, file, path string, depth int) ([]Pair, Problems) {
	n = deref(n)
	switch n.Kind {
	case yaml.MappingNode:
		return pairs(n, file, path, depth+1)
	case yaml.SequenceNode:
		var all []Pair
		var problems Problems
		for _, item := range n.Content {
			more, worse := mergedPairs(item, file, path, depth+1)
			all, problems = append(all, more...), append(problems, worse...)
		}
		return all, problems
	}
	return nil, Problems{{Pos: posOf(n, file), Path: path, Msg: "a merge key wants a mapping, found " + describe(n)}}
}

// join extends a path by a key.
func join(path, key string) string {
	return strings.TrimPrefix(path+"."+key, ".")
}

// yamlNode is a field that keeps its node.
type yamlNode struct{ node *yaml.Node }

func (y *yamlNode) DecodeYAML(n *yaml.Node, _, _ string) Problems {
	y.node = n
	return nil
}
