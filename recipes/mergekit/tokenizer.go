package mergekit

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

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
	if c.tok != nil && set(c.tok.source) {
		c.sourceThere(c.tok.source)
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
	if c.compat {
		fields = append(fields, pair("trim", yes(c.root))) // it drops rows that no token has
	}
	// mergekit leaves out the base's tokens without rows, fails at other models',
	// and gives zeros to those of no model.
	return append(fields, pair("beyond", word(t.at, "base")), pair("missing", word(t.at, "zero")))
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
	if c.base != nil && (methods()[c.method].takesBase() || c.mergesBase()) {
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

// sourceThere refuses a source that is a word rather than a model: a Hub id
// without an owner only where the file merges that model too.
func (c *compiler) sourceThere(n *yaml.Node) {
	if n.Kind != yaml.ScalarNode || n.Value == "union" || n.Value == "base" || strings.Contains(n.Value, "/") || c.exists(n.Value) || c.document(n.Value) != nil {
		return
	}
	known := []string{"union", "base"}
	for _, m := range append(modelsBelow(c.root), c.base) {
		if m != nil && m.Kind == yaml.ScalarNode {
			known = append(known, m.Value)
		}
	}
	if !slices.Contains(known, n.Value) {
		c.fail(n, "tokenizer.source", cmp.Or(schema.DidYouMean(n.Value, known), "write union, base or a model"), "%q is neither union nor base, and no model here", n.Value)
	}
}
