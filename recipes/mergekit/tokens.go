package mergekit

import (
	"gopkg.in/yaml.v3"

	"github.com/rouxml/roux/schema"
)

// tokensOf compiles {TOKEN: {source, force}}.
func (c *compiler) tokensOf(t *tokenizing) *yaml.Node {
	if len(t.tokens) == 0 {
		return nil
	}
	list := sequence(t.at, nil)
	for _, p := range t.tokens {
		where := "tokenizer.tokens." + p.Key.Value
		entry := mapping(p.Key, pair("token", word(p.Key, p.Key.Value)))
		list.Content = append(list.Content, entry)
		if !set(p.Value) {
			continue
		}
		if p.Value.Kind != yaml.MappingNode {
			c.fail(p.Value, where, "write {source: MODEL}", "want a mapping")
			continue
		}
		c.keys(p.Value, where, []string{"source", "force"})
		if n := get(p.Value, "force"); set(n) {
			add(entry, "force", n)
		}
		c.tokenSource(entry, get(p.Value, "source"), where+".source")
	}
	return list
}

// tokenSource compiles where a token's row comes from: a model that has the
// token, zeros, or another token of a model.
func (c *compiler) tokenSource(entry, n *yaml.Node, where string) {
	kind := get(n, "kind")
	switch {
	case !set(n):
	case !set(kind):
		add(entry, "from", c.party(n))
	case kind.Value == "zero":
		c.keys(n, where, []string{"kind"})
		add(entry, "zero", yes(kind))
	case kind.Value == "model_token":
		c.modelToken(entry, n, where)
	default:
		c.fail(kind, where+".kind", schema.DidYouMean(kind.Value, []string{"zero", "model_token"}), "unknown kind of source %q", kind.Value)
	}
}

func (c *compiler) modelToken(entry, n *yaml.Node, where string) {
	c.keys(n, where, []string{"kind", "model", "token", "token_id"})
	model, token, id := get(n, "model"), get(n, "token"), get(n, "token_id")
	switch {
	case !set(model):
		c.fail(n, where, "write model: PATH", "missing key %q", "model")
		return
	case (token != nil) == set(id):
		c.fail(n, where, "write one of them", "a model_token wants either token or token_id")
		return
	}
	add(entry, "from", c.party(model))
	if set(id) {
		add(entry, "id", id)
		return
	}
	add(entry, "as", word(token, token.Value))
}

func yes(at *yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: "true", Line: at.Line, Column: at.Column}
}
