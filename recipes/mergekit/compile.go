// Package mergekit compiles mergekit's YAML to the recipe language. The result
// is a YAML tree whose nodes keep the places of the source, so that problems
// point into the user's own file.
package mergekit

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/rouxml/roux/schema"
)

// Is says whether a document is a mergekit file's.
func Is(root *yaml.Node) bool { return get(root, "merge_method") != nil || isMoE(root) }

// Options say how a file is read.
type Options struct {
	Out    string                 // where the result goes
	Compat string                 // "mergekit" keeps those of its defects that change numbers
	Exists func(path string) bool // whether a path leads to a model of this machine; nil: none does
	// Stored says whether a model, by its name in the recipe, is known to have
	// all of its weights in a dtype; it needs no cast then. Nil: none is known.
	Stored func(name, dtype string) bool
}

// shared gathers the recipe and what is wrong with the source, for all
// documents of a file.
type shared struct {
	file     string
	opt      Options
	problems schema.Problems
	notes    []string
	misspelt schema.Problems // keys that may be meant for others; told when the file has problems, of which they may be the cause

	docs   []*compiler
	names  map[string]string     // model reference -> name in the recipe
	cuts   map[string]*yaml.Node // step that cuts a model -> its slice
	parsed map[string]reference  // by what the file says
	models *yaml.Node
	steps  *yaml.Node
}

// compiler compiles one document.
type compiler struct {
	*shared
	root *yaml.Node
	name string // of the document, for the others; may be empty

	method string
	compat bool
	dtype  *yaml.Node
	top    level
	base   *yaml.Node
	tok    *tokenizing       // nil without
	casts  map[string]string // name in the recipe -> step that casts it

	state  progress
	result string // model or step of the recipe
	used   bool   // by another document
}

// level is one level of parameters, with what a filter must look at.
type level struct {
	params *yaml.Node
	start  int // first layer of the source: filters see the input's names
}

// Compile returns the equivalent recipe. Notes are words for the user about
// what mergekit would have ignored, and what roux does otherwise.
func Compile(docs []*yaml.Node, file string, o Options) (*yaml.Node, schema.Problems, []string) {
	f := &shared{file: file, opt: o, names: map[string]string{}, cuts: map[string]*yaml.Node{}, parsed: map[string]reference{}, models: mapping(docs[0]), steps: mapping(docs[0])}
	for _, root := range docs {
		f.docs = append(f.docs, &compiler{shared: f, root: root, casts: map[string]string{}})
	}
	f.title()
	for _, c := range f.docs {
		c.compile()
	}
	if f.problems != nil {
		return nil, append(f.problems, f.misspelt...), f.notes
	}
	at := docs[0]
	recipe := mapping(at, pair("roux", number(at, 1)), pair("models", f.models), pair("steps", f.steps), pair("outputs", f.outputs()))
	return recipe, nil, f.notes
}

// compile turns a document into steps, once.
func (c *compiler) compile() {
	if c.state != untouched {
		return
	}
	c.state = underway
	defer func() { c.state = done }()
	if isMoE(c.root) {
		c.result = c.moe()
		return
	}
	before := len(c.problems)
	c.read()
	if len(c.problems) > before {
		return
	}
	last := c.body()
	if len(c.problems) > before {
		return
	}
	if d := get(c.root, "out_dtype"); set(d) {
		last = c.step(c.fresh("cast-out"), d, "edit.cast", pair("model", word(d, last)), pair("dtype", c.dtypeOf(d)))
	} else if c.widens() {
		last = c.step(c.fresh("cast-out"), c.root, "edit.cast", pair("model", word(c.root, last)), pair("dtype", word(c.root, "float32")))
	}
	c.result = c.templated(c.lean(last))
}

func (c *shared) fail(n *yaml.Node, path, cure, format string, args ...any) {
	c.problems = append(c.problems, schema.Problem{Pos: schema.NodePos(n, c.file), Path: path, Msg: fmt.Sprintf(format, args...), Cure: cure})
}

func (c *shared) note(n *yaml.Node, format string, args ...any) {
	note := fmt.Sprintf("%s: %s", schema.NodePos(n, c.file), fmt.Sprintf(format, args...))
	if !slices.Contains(c.notes, note) {
		c.notes = append(c.notes, note)
	}
}

var topKeys = []string{"merge_method", "models", "slices", "modules", "base_model", "parameters", "dtype", "out_dtype", "tokenizer_source", "tokenizer", "chat_template", "name", "compat", "keys"}

func (c *compiler) read() {
	c.keys(c.root, "", topKeys)
	c.methodOf(get(c.root, "merge_method"))
	c.compatOf(get(c.root, "compat"))
	c.top = level{params: get(c.root, "parameters")}
	if n := get(c.root, "base_model"); set(n) {
		c.base = n
	}
	if n := get(c.root, "dtype"); set(n) {
		c.dtype = c.dtypeOf(n)
	}
	c.readTokenizer()
}

func (c *compiler) methodOf(n *yaml.Node) {
	if !set(n) {
		c.fail(c.root, "merge_method", "every document of a mergekit file is a merge", "missing key %q", "merge_method")
		return
	}
	c.method = n.Value
	if _, ok := methods()[c.method]; !ok {
		var known []string
		for name := range methods() {
			known = append(known, name)
		}
		c.fail(n, "merge_method", schema.DidYouMean(c.method, known), "unknown merge method %q", c.method)
	}
}

// keys notes keys that mergekit would ignore in silence.
func (c *shared) keys(n *yaml.Node, where string, known []string) {
	pairs, problems := schema.Pairs(n, c.file, where)
	c.problems = append(c.problems, problems...)
	for _, p := range pairs {
		if !slices.Contains(known, p.Key.Value) {
			note := fmt.Sprintf("mergekit ignores the key %q", p.Key.Value)
			if s := schema.Suggest(p.Key.Value, known); s != "" {
				c.misspelt = append(c.misspelt, schema.Problem{Pos: schema.NodePos(p.Key, c.file), Path: where, Msg: note, Cure: fmt.Sprintf("did you mean %q?", s)})
				note += fmt.Sprintf(" (did you mean %q?)", s)
			}
			c.note(p.Key, "%s", note)
		}
	}
}

var dtypes = []string{"float32", "bfloat16", "float16", "float64"}

func (c *compiler) dtypeOf(n *yaml.Node) *yaml.Node {
	name := strings.TrimPrefix(n.Value, "torch.")
	switch {
	case name == "int64":
		c.fail(n, "dtype", "name a float dtype", "weights cannot be merged as whole numbers")
	case !slices.Contains(dtypes, name):
		c.fail(n, "dtype", schema.DidYouMean(name, dtypes), "unknown dtype %q", n.Value)
	case name == "float64":
		c.note(n, "roux computes in float32 and stores the result as float64")
	}
	return word(n, name)
}

// body compiles whichever of models, slices and modules there is.
func (c *compiler) body() string {
	var given []string
	for _, key := range []string{"models", "slices", "modules"} {
		if n := get(c.root, key); set(n) && !empty(n) {
			given = append(given, key)
		}
	}
	if len(given) != 1 {
		if given == nil {
			c.fail(c.root, "", "list the models to merge under models", "neither models nor slices nor modules are given")
		} else {
			c.fail(get(c.root, given[1]), given[1], "keep one of them", "both %s and %s are given", given[0], given[1])
		}
		return ""
	}
	n := get(c.root, given[0])
	switch given[0] {
	case "models":
		return c.ridden(c.whole(n, "models", c.label("merged"), nil, ""))
	case "slices":
		return c.ridden(c.sliced(n, "slices", nil, ""))
	}
	return c.modular(n)
}

// merged is the result of a merge: a model or step, and the reference of the
// model that gives it its config and tokenizer.
type merged struct{ name, donor string }

// ridden makes base_model the donor of config, tokenizer and files where the
// merge itself has another, as mergekit does.
func (c *compiler) ridden(m merged) string {
	if c.base == nil || c.problems != nil {
		return m.name
	}
	ref := c.reference(c.base, c.base)
	if ref == m.donor || ref == "" {
		return m.name
	}
	return c.step(c.fresh("with-base"), c.base, "edit.choose", pair("base", word(c.base, c.donor(ref))), pair("models", sequence(c.base, []*yaml.Node{word(c.base, m.name)})))
}

// donor is a model whose config, tokenizer and files a merge has; where
// vocabularies are shared, the files are those of the shared one.
func (c *compiler) donor(ref string) string {
	if c.tok != nil {
		return c.load(ref, c.base)
	}
	return c.model(ref, c.base)
}

// source is one model that takes part in a merge.
type source struct {
	node *yaml.Node
	ref  string // as the file says it
	name string // model or step of the recipe
	own  level
}

// whole merges a list of whole models, or of the part that where is about.
func (c *compiler) whole(list *yaml.Node, path, name string, inner []level, where string) merged {
	var sources []source
	if list.Kind != yaml.SequenceNode {
		c.fail(list, path, "write models: [{model: PATH}]", "want a list")
		return merged{}
	}
	for i, item := range list.Content {
		item = deref(item)
		c.keys(item, fmt.Sprintf("%s[%d]", path, i), []string{"model", "parameters"})
		ref := c.reference(get(item, "model"), item)
		sources = append(sources, source{node: item, ref: ref, name: c.load(ref, item), own: level{params: get(item, "parameters")}})
	}
	base := c.baseOf(nil, &sources)
	if c.problems != nil {
		return merged{}
	}
	return c.merge(name, list, sources, base, append(inner, c.top), where)
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
	takes := methods()[c.method].takesBase()
	switch {
	case slice != nil && takes:
		c.fail(slice, "slices", "list it with the layer range it has here", "the base model %s is not among the sources of this slice", ref)
		return -1
	case slice != nil:
		return -1
	case !takes && !c.mergesBase():
		c.note(n, "%s has no base: base_model gives config and tokenizer, and is not merged (list it under models to merge it too)", c.method)
		return -1
	}
	*sources = append(*sources, source{node: n, ref: ref, name: c.load(ref, n)})
	return len(*sources) - 1
}

// fresh makes a name that nothing has yet.
func (c *shared) fresh(stem string) string {
	name := stem
	for i := 2; get(c.models, name) != nil || get(c.steps, name) != nil; i++ {
		name = fmt.Sprintf("%s_%d", stem, i)
	}
	return name
}

// step adds a step and returns its name.
func (c *shared) step(name string, at *yaml.Node, op string, fields ...schema.Pair) string {
	n := mapping(at, pair("op", word(at, op)))
	for _, f := range fields {
		n.Content = append(n.Content, f.Key, f.Value)
	}
	// mergekit lets filters match nothing.
	n.Content = append(n.Content, word(at, "allow_empty"), &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: "true", Line: at.Line, Column: at.Column})
	add(c.steps, name, n)
	return name
}

// step adds a step; merges of state dicts have the keys that the file asks for:
// ours, for mergekit-pytorch has flags.
func (c *compiler) step(name string, at *yaml.Node, op string, fields ...schema.Pair) string {
	if k := get(c.root, "keys"); set(k) && strings.HasPrefix(op, "merge.") {
		fields = append(fields, pair("keys", k))
	}
	return c.shared.step(name, at, op, fields...)
}
