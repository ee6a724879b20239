package mergekit

import (
	"gopkg.in/yaml.v3"

	"github.com/rouxml/roux/schema"
)

// templated sets the chat template of the result.
func (c *compiler) templated(last string) string {
	n := get(c.root, "chat_template")
	if !set(n) {
		return last
	}
	fields := []schema.Pair{pair("model", word(n, last)), pair("template", word(n, n.Value))}
	if n.Value == "auto" {
		fields = append(fields, pair("models", c.templateModels(n)))
	}
	return c.step(c.fresh("templated"), n, "tokenizer.chat_template", fields...)
}

// templateModels are those that vote for a template: base_model first.
func (c *compiler) templateModels(at *yaml.Node) *yaml.Node {
	list := sequence(at, nil)
	seen := map[string]bool{}
	for _, n := range append([]*yaml.Node{c.base}, modelsBelow(c.root)...) {
		if !set(n) {
			continue
		}
		ref := c.reference(n, n)
		if seen[ref] {
			continue
		}
		seen[ref] = true
		if c.tok != nil {
			c.tok.gathering = true // templates are read from the models as they are
		}
		list.Content = append(list.Content, word(n, c.load(ref, n)))
		if c.tok != nil {
			c.tok.gathering = false
		}
	}
	return list
}
