package mergekit

import (
	"strconv"

	"gopkg.in/yaml.v3"

	"github.com/rouxml/roux/schema"
)

// tokenizing is what a file says of the output's tokenizer.
type tokenizing struct {
	at     *yaml.Node // the key's value, where problems point
	source *yaml.Node // union, base or a model; nil means union
	tokens []schema.Pair
	pad    *yaml.Node

	gathering bool
	fields    []schema.Pair     // that the steps of all models have, once made
	steps     map[string]string // model or step of the recipe -> its aligned form
}

// readTokenizer reads tokenizer, or its older form tokenizer_source.
func (c *compiler) readTokenizer() {
	long, short := get(c.root, "tokenizer"), get(c.root, "tokenizer_source")
	switch {
	case set(long) && set(short):
		c.fail(short, "tokenizer_source", "keep tokenizer", "both tokenizer and tokenizer_source are given")
	case set(short):
		c.tok = &tokenizing{at: short, source: short}
	case set(long) && long.Kind != yaml.MappingNode:
		c.fail(long, "tokenizer", "write tokenizer: {source: union}", "want a mapping")
	case set(long):
		c.keys(long, "tokenizer", []string{"source", "tokens", "pad_to_multiple_of"})
		c.tok = &tokenizing{at: long, source: get(long, "source"), pad: c.padding(get(long, "pad_to_multiple_of"))}
		if n := get(long, "tokens"); set(n) && n.Kind != yaml.MappingNode {
			c.fail(n, "tokenizer.tokens", "write tokens: {TOKEN: {source: MODEL}}", "want a mapping")
		} else if set(n) {
			c.tok.tokens, _ = schema.Pairs(n, c.file, "tokenizer.tokens")
			c.keys(n, "tokenizer.tokens", namesOf(c.tok.tokens)) // for keys that stand twice
		}
	}
}

func namesOf(pairs []schema.Pair) []string {
	names := make([]string, len(pairs))
	for i, p := range pairs {
		names[i] = p.Key.Value
	}
	return names
}

func (c *compiler) padding(n *yaml.Node) *yaml.Node {
	if !set(n) {
		return nil
	}
	if pad, err := strconv.Atoi(n.Value); err != nil || pad <= 0 {
		c.fail(n, "tokenizer.pad_to_multiple_of", "write a number of 1 or more, or leave the key out", "cannot pad to a multiple of %q", n.Value)
	}
	return n
}

// tokenized is a model, or a step that casts it, with the vocabulary that all
// are to share.
func (c *compiler) tokenized(name string, at *yaml.Node) string {
	t := c.tok
	if t == nil || t.gathering || name == "" {
		return name
	}
	if done := t.steps[name]; done != "" {
		return done
	}
	t.gathering = true
	defer func() { t.gathering = false }()
	if t.fields == nil {
		t.fields, t.steps = c.aligning(t), map[string]string{}
	}
	t.steps[name] = c.step(c.fresh(name+"-vocab"), t.at, "tokenizer.align", append([]schema.Pair{pair("model", word(at, name))}, t.fields...)...)
	return t.steps[name]
}

// aligning says what all models' steps say.
func (c *compiler) aligning(t *tokenizing) []schema.Pair {
	fields := []schema.Pair{pair("models", c.sharing())}
	if c.base != nil {
		fields = append(fields, pair("base", c.party(c.base)))
	}
	fields = append(fields, c.sourceOf(t)...)
	if tokens := c.tokensOf(t); tokens != nil {
		fields = append(fields, pair("tokens", tokens))
	}
	if t.pad != nil {
		fields = append(fields, pair("pad_to_multiple_of", t.pad))
	}
	if n := get(c.root, "compat"); set(n) && n.Value == "mergekit" {
		fields = append(fields, pair("trim", yes(n))) // it drops rows that no token has
	}
	// mergekit leaves out tokens without rows and gives zeros to those of no model.
	return append(fields, pair("beyond", word(t.at, "drop")), pair("missing", word(t.at, "zero")))
}

// party names the model that a node refers to, cast as the merge sees it.
func (c *compiler) party(n *yaml.Node) *yaml.Node {
	return word(n, c.load(c.reference(n, n), n))
}

// sharing lists the models whose rows take part: the base first if the merge
// has it, then those of models, slices and modules, each once.
func (c *compiler) sharing() *yaml.Node {
	list := sequence(c.tok.at, nil)
	seen := map[string]bool{}
	take := func(n *yaml.Node) {
		if !set(n) {
			return
		}
		if p := c.party(n); !seen[p.Value] {
			seen[p.Value] = true
			list.Content = append(list.Content, p)
		}
	}
	if c.base != nil && methods[c.method].takesBase() {
		take(c.base)
	}
	for _, n := range modelsBelow(c.root) {
		take(n)
	}
	return list
}

// modelsBelow lists the references of a definition: of models, of slices'
// sources, and of modules.
func modelsBelow(n *yaml.Node) []*yaml.Node {
	var refs []*yaml.Node
	for _, item := range itemsOf(get(n, "models")) {
		refs = append(refs, get(item, "model"))
	}
	for _, slice := range itemsOf(get(n, "slices")) {
		for _, s := range itemsOf(get(slice, "sources")) {
			refs = append(refs, get(s, "model"))
		}
	}
	if modules := get(n, "modules"); set(modules) && modules.Kind == yaml.MappingNode {
		pairs, _ := schema.Pairs(modules, "", "")
		for _, p := range pairs {
			refs = append(refs, modelsBelow(p.Value)...)
		}
	}
	return refs
}

func itemsOf(list *yaml.Node) []*yaml.Node {
	if !set(list) || list.Kind != yaml.SequenceNode {
		return nil
	}
	items := make([]*yaml.Node, len(list.Content))
	for i, n := range list.Content {
		items[i] = deref(n)
	}
	return items
}

func (c *compiler) sourceOf(t *tokenizing) []schema.Pair {
	switch n := t.source; {
	case !set(n), n.Value == "union":
		return []schema.Pair{pair("source", word(t.at, "union"))}
	case n.Value == "base":
		return []schema.Pair{pair("source", word(n, "base"))}
	default:
		return []schema.Pair{pair("like", c.party(n))}
	}
}

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

// templated sets the chat template of the result.
func (c *compiler) templated(last string) string {
	n := get(c.root, "chat_template")
	if !set(n) {
		return last
	}
	if n.Kind != yaml.ScalarNode {
		c.fail(n, "chat_template", "write auto, a built-in name or the template", "want a text")
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
