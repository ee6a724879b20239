package recipes

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"gopkg.in/yaml.v3"
)

// comment is one comment of the source.
type comment struct {
	text   string
	line   int
	behind bool // it stood behind a value, on its line
}

// commentsOf lists a file's comments in their order.
func commentsOf(text []byte) ([]comment, error) {
	var all []comment
	d := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var doc yaml.Node
		if err := d.Decode(&doc); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, fmt.Errorf("comments: %w", err)
		}
		gather(&doc, &all)
	}
}

func gather(n *yaml.Node, all *[]comment) {
	if n.HeadComment != "" {
		*all = append(*all, comment{n.HeadComment, n.Line, false})
	}
	if n.LineComment != "" {
		*all = append(*all, comment{n.LineComment, n.Line, true})
	}
	for _, c := range n.Content {
		gather(c, all)
	}
	if n.FootComment != "" {
		last := n
		for len(last.Content) > 0 {
			last = last.Content[len(last.Content)-1]
		}
		*all = append(*all, comment{n.FootComment, last.Line, false})
	}
}

// attach gives every comment to the key that stands for its line, or for the
// nearest line behind it, or to the last one.
func attach(root *yaml.Node, comments []comment) {
	var keys []pairNode
	list(root, &keys)
	for _, c := range comments {
		best := keys[len(keys)-1]
		for _, k := range slices.Backward(keys) {
			if k.key.Line >= c.line && (best.key.Line < c.line || k.key.Line <= best.key.Line) {
				best = k
			}
		}
		if c.behind && best.value.Kind == yaml.ScalarNode && best.value.LineComment == "" {
			best.value.LineComment = c.text
			continue
		}
		if best.key.HeadComment != "" {
			best.key.HeadComment += "\n"
		}
		best.key.HeadComment += c.text
	}
}

// pairNode is a key that a comment may stand above.
type pairNode struct{ key, value *yaml.Node }

// list lists the keys that are not within one line with others.
func list(n *yaml.Node, keys *[]pairNode) {
	if n.Style&yaml.FlowStyle != 0 {
		return
	}
	for i := 0; i < len(n.Content); i++ {
		if n.Kind == yaml.MappingNode {
			*keys = append(*keys, pairNode{n.Content[i], n.Content[i+1]})
			i++
		}
		list(n.Content[i], keys)
	}
}
