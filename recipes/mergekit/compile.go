// Package mergekit compiles mergekit's YAML to the recipe language. The result
// is a YAML tree whose nodes keep the places of the source, so that problems
// point into the user's own file.
package mergekit

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/rouxml/roux/schema"
)

// Is says whether the document is a mergekit file.
func Is(root *yaml.Node) bool { return get(root, "merge_method") != nil }

// compiler gathers the recipe and what is wrong with the source.
type compiler struct {
	file     string
	root     *yaml.Node
	problems schema.Problems
	notes    []string

	method string
	dtype  *yaml.Node
	top    level
	base   *yaml.Node
	tok    *tokenizing // nil without

	names  map[string]string // model reference -> name in the recipe
	casts  map[string]string // name in the recipe -> step that casts it
	models *yaml.Node
	steps  *yaml.Node
}

// level is one level of parameters, with what a filter must look at.
type level struct {
	params *yaml.Node
	start  int // first layer of the source: filters see the input's names
}

// Compile returns the equivalent recipe, which writes to out. Notes are words
// for the user about keys that mergekit would have ignored.
func Compile(root *yaml.Node, file, out string) (*yaml.Node, schema.Problems, []string) {
	c := &compiler{file: file, root: root, names: map[string]string{}, casts: map[string]string{}, models: mapping(root), steps: mapping(root)}
	c.read()
	last := ""
	if c.problems == nil {
		last = c.body()
	}
	if c.problems != nil {
		return nil, c.problems, c.notes
	}
	if d := get(root, "out_dtype"); set(d) {
		last = c.step(c.fresh("cast-out"), d, "edit.cast", pair("model", word(d, last)), pair("dtype", c.dtypeOf(d)))
	}
	last = c.templated(last)
	output := mapping(root, pair("from", word(root, last)), pair("path", word(root, out)))
	recipe := mapping(root, pair("roux", word(root, "1")), pair("models", c.models), pair("steps", c.steps), pair("outputs", mapping(root, pair("model", output))))
	return recipe, c.problems, c.notes
}

func (c *compiler) fail(n *yaml.Node, path, cure, format string, args ...any) {
	c.problems = append(c.problems, schema.Problem{Pos: schema.NodePos(n, c.file), Path: path, Msg: fmt.Sprintf(format, args...), Cure: cure})
}

var topKeys = []string{"merge_method", "models", "slices", "modules", "base_model", "parameters", "dtype", "out_dtype", "tokenizer_source", "tokenizer", "chat_template", "name"}

// later are keys of mergekit's grammar that cannot be honoured yet; ignoring
// them would write another model than the file describes.
var later = []string{"modules"}

func (c *compiler) read() {
	c.keys(c.root, "", topKeys)
	for _, key := range later {
		if n := get(c.root, key); set(n) {
			c.fail(n, key, "", "roux does not do %s yet", key)
		}
	}
	m := get(c.root, "merge_method")
	c.method = m.Value
	if _, ok := methods[c.method]; !ok {
		var known []string
		for name := range methods {
			known = append(known, name)
		}
		c.fail(m, "merge_method", schema.DidYouMean(c.method, known), "unknown merge method %q", c.method)
	}
	c.top = level{params: get(c.root, "parameters")}
	if n := get(c.root, "base_model"); set(n) {
		c.base = n
	}
	if n := get(c.root, "dtype"); set(n) {
		c.dtype = c.dtypeOf(n)
	}
	c.readTokenizer()
}

// keys notes keys that mergekit would ignore in silence.
func (c *compiler) keys(n *yaml.Node, where string, known []string) {
	pairs, problems := schema.Pairs(n, c.file, where)
	c.problems = append(c.problems, problems...)
	for _, p := range pairs {
		if !slices.Contains(known, p.Key.Value) {
			note := fmt.Sprintf("%s: mergekit ignores the key %q", schema.NodePos(p.Key, c.file), p.Key.Value)
			if s := schema.Suggest(p.Key.Value, known); s != "" {
				note += fmt.Sprintf(" (did you mean %q?)", s)
			}
			c.notes = append(c.notes, note)
		}
	}
}

var dtypes = []string{"float32", "bfloat16", "float16"}

func (c *compiler) dtypeOf(n *yaml.Node) *yaml.Node {
	name := strings.TrimPrefix(n.Value, "torch.")
	if !slices.Contains(dtypes, name) {
		c.fail(n, "dtype", schema.DidYouMean(name, dtypes), "unknown dtype %q", n.Value)
	}
	return word(n, name)
}

// body compiles whichever of models and slices there is.
func (c *compiler) body() string {
	models, slicesNode := get(c.root, "models"), get(c.root, "slices")
	switch {
	case set(models) && set(slicesNode):
		c.fail(slicesNode, "slices", "keep one of them", "both models and slices are given")
	case set(models):
		return c.whole(models)
	case set(slicesNode):
		return c.sliced(slicesNode)
	default:
		c.fail(c.root, "", "list the models to merge under models", "neither models nor slices are given")
	}
	return ""
}

// source is one model that takes part in a merge.
type source struct {
	node *yaml.Node
	ref  string // as the file says it
	name string // model or step of the recipe
	own  level
}

func (c *compiler) whole(list *yaml.Node) string {
	var sources []source
	if list.Kind != yaml.SequenceNode {
		c.fail(list, "models", "write models: [{model: PATH}]", "want a list")
		return ""
	}
	for i, item := range list.Content {
		item = deref(item)
		c.keys(item, fmt.Sprintf("models[%d]", i), []string{"model", "parameters"})
		ref := c.reference(get(item, "model"), item)
		sources = append(sources, source{node: item, ref: ref, name: c.load(ref, item), own: level{params: get(item, "parameters")}})
	}
	base := c.baseOf(nil, &sources)
	if c.problems != nil {
		return ""
	}
	return c.merge("merged", list, sources, base, []level{c.top})
}

// baseOf finds the base among the sources, or appends it to a list of whole
// models as mergekit does. The index is -1 without a base.
func (c *compiler) baseOf(slice *yaml.Node, sources *[]source) int {
	n := c.base
	if slice != nil {
		if own := get(slice, "base_model"); set(own) {
			n = own
		}
	}
	if n == nil {
		return -1
	}
	ref := c.reference(n, n)
	for i, s := range *sources {
		if s.ref == ref {
			return i
		}
	}
	if slice != nil {
		if methods[c.method].takesBase() {
			c.fail(slice, "slices", "list it with the layer range it has here", "the base model %s is not among the sources of this slice", ref)
		}
		return -1
	}
	if !methods[c.method].takesBase() {
		c.notes = append(c.notes, fmt.Sprintf("%s: %s has no base: base_model is not used (list it under models to merge it too)", schema.NodePos(n, c.file), c.method))
		return -1
	}
	*sources = append(*sources, source{node: n, ref: ref, name: c.load(ref, n)})
	return len(*sources) - 1
}

// reference reads a model reference: text, or mergekit's long form.
func (c *compiler) reference(n, parent *yaml.Node) string {
	n = deref(n)
	if !set(n) {
		c.fail(parent, "model", "write model: PATH", "missing key %q", "model")
		return ""
	}
	if n.Kind == yaml.ScalarNode {
		return n.Value
	}
	inner := get(n, "model")
	if set(get(inner, "path")) {
		text := join(inner)
		if lora := get(n, "lora"); set(get(lora, "path")) {
			text += "+" + join(lora)
		}
		return text
	}
	c.fail(n, "model", "write model: PATH", "cannot read this model reference")
	return ""
}

func join(n *yaml.Node) string {
	text := get(n, "path").Value
	if rev := get(n, "revision"); set(rev) {
		text += "@" + rev.Value
	}
	return text
}

var unfit = regexp.MustCompile(`[^A-Za-z0-9_\-]+`)

// load names a model and, when the file sets a dtype, casts it: mergekit casts
// on load and computes in that dtype.
func (c *compiler) load(ref string, at *yaml.Node) string {
	name, ok := c.names[ref]
	if !ok {
		stem := strings.Trim(unfit.ReplaceAllString(path.Base(ref), "_"), "_-")
		if stem == "" || stem[0] >= '0' && stem[0] <= '9' {
			stem = "model_" + stem
		}
		name = c.fresh(stem)
		c.names[ref] = name
		add(c.models, name, word(at, ref))
	}
	if c.dtype == nil {
		return c.tokenized(name, at)
	}
	if c.casts[name] == "" {
		c.casts[name] = c.step(c.fresh(name+"-"+c.dtype.Value), at, "edit.cast", pair("model", word(at, name)), pair("dtype", c.dtype))
	}
	return c.tokenized(c.casts[name], at)
}

// fresh makes a name that nothing has yet.
func (c *compiler) fresh(stem string) string {
	name := stem
	for i := 2; get(c.models, name) != nil || get(c.steps, name) != nil; i++ {
		name = fmt.Sprintf("%s_%d", stem, i)
	}
	return name
}

// step adds a step and returns its name.
func (c *compiler) step(name string, at *yaml.Node, op string, fields ...schema.Pair) string {
	n := mapping(at, pair("op", word(at, op)))
	for _, f := range fields {
		n.Content = append(n.Content, f.Key, f.Value)
	}
	// mergekit lets filters match nothing.
	n.Content = append(n.Content, word(at, "allow_empty"), &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: "true", Line: at.Line, Column: at.Column})
	add(c.steps, name, n)
	return name
}
