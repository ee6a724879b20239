package recipes

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/rouxml/roux/schema"
)

// readYAML parses the text and returns the roots of its documents, empty ones
// left out.
func readYAML(file string, text []byte) ([]*yaml.Node, error) {
	var docs []*yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(text))
	total := 0
	for {
		var doc yaml.Node
		err := d.Decode(&doc)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, schema.Problems{syntax(file, text, err)}
		}
		if len(doc.Content) == 0 || null(doc.Content[0]) {
			continue
		}
		root := doc.Content[0]
		if root.Kind != yaml.MappingNode {
			return nil, schema.Problems{{Pos: schema.NodePos(root, file), Msg: fmt.Sprintf("a recipe is a mapping of roux, models, steps and outputs, found %s", describe(root))}}
		}
		if total += nodes(root, 0); total > maxNodes {
			return nil, schema.Problems{{Pos: schema.NodePos(root, file), Msg: "the document is too large or nests too deeply", Cure: "look for aliases within aliases"}}
		}
		docs = append(docs, root)
	}
	if docs == nil {
		return nil, schema.Problems{{Pos: schema.Pos{File: file}, Msg: "the file is empty", Cure: "roux init writes a recipe to begin with"}}
	}
	return docs, nil
}

var (
	yamlLine    = schema.Pattern(`line (\d+): `)
	yamlUnknown = schema.Pattern(`unknown anchor '(.*)' referenced`)
)

// syntax gives a YAML error its place; where the reader tells none, the place
// is looked for.
func syntax(file string, text []byte, err error) schema.Problem {
	msg := strings.TrimPrefix(err.Error(), "yaml: ")
	pos := schema.Pos{File: file}
	if m := yamlLine().FindStringSubmatch(msg); m != nil {
		pos.Line, _ = strconv.Atoi(m[1])
		pos.Column, msg = 1, strings.Replace(msg, m[0], "", 1)
	} else if m := yamlUnknown().FindStringSubmatch(msg); m != nil {
		pos.Line, pos.Column = placeOf(text, bytes.Index(text, []byte("*"+m[1])))
	} else {
		pos.Line, pos.Column = placeOf(text, unreadable(text))
	}
	return schema.Problem{Pos: pos, Msg: "YAML: " + msg}
}

// unreadable is the offset of the first byte that YAML cannot hold.
func unreadable(text []byte) int {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 || r < ' ' && r != '\n' && r != '\t' && r != '\r' || r == 0x7f {
			return i
		}
		i += size
	}
	return -1
}

// placeOf turns an offset into line and column; line 1 when it is unknown.
func placeOf(text []byte, offset int) (line, column int) {
	before := text[:max(offset, 0)]
	return bytes.Count(before, []byte("\n")) + 1, len(before) - bytes.LastIndexByte(before, '\n')
}

// nodes counts, aliases written out, up to a little over the bound.
func nodes(n *yaml.Node, depth int) int {
	if depth > 100 {
		return maxNodes + 1
	}
	if n.Kind == yaml.AliasNode {
		return nodes(n.Alias, depth+1)
	}
	total := 1
	for _, c := range n.Content {
		if total += nodes(c, depth+1); total > maxNodes {
			return total
		}
	}
	return total
}

// null says whether the node is an empty value.
func null(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// describe names what was found, for "want X, found Y".
func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	if null(n) {
		return "nothing"
	}
	return strconv.Quote(n.Value)
}

// pairs lists the keys of what must be a mapping.
func (p *parser) pairs(n *yaml.Node, path, cure string) []schema.Pair {
	if n.Kind != yaml.MappingNode {
		p.fail(n, path, cure, "want a mapping, found %s", describe(n))
		return nil
	}
	pairs, problems := schema.Pairs(n, p.r.File, path)
	p.problems = append(p.problems, problems...)
	return pairs
}

// text reads what must be a scalar.
func (p *parser) text(n *yaml.Node, path string) string {
	if n.Kind != yaml.ScalarNode {
		p.fail(n, path, "", "want text, found %s", describe(n))
		return ""
	}
	return n.Value
}

// seed reads a whole number for random draws.
func (p *parser) seed(n *yaml.Node, path string) uint64 {
	seed, err := strconv.ParseUint(n.Value, 0, 64)
	if err != nil || n.Kind != yaml.ScalarNode {
		p.fail(n, path, "", "want a whole number that is not negative, found %s", describe(n))
	}
	return seed
}
