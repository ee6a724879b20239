package mergekit

import (
	"cmp"
	"fmt"
	"path"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/rouxml/roux/schema"
)

// reference is a model as mergekit names it: path@revision+adapter@revision,
// perhaps read as another architecture.
type reference struct {
	path, revision, adapter, adapterRevision string

	architecture string
	long         bool   // it came as keys and not as one text
	text         string // as the file has it
}

func (r reference) String() string {
	text := withRevision(r.path, r.revision)
	if r.adapter != "" {
		text += "+" + withRevision(r.adapter, r.adapterRevision)
	}
	if r.architecture != "" {
		text += " as " + r.architecture
	}
	return text
}

func withRevision(path, revision string) string {
	if revision == "" {
		return path
	}
	return path + "@" + revision
}

// reference reads a model reference: text, or mergekit's long form. It returns
// the text by which the model is known from then on, or nothing.
func (c *shared) reference(n, parent *yaml.Node) string {
	n = deref(n)
	var r reference
	var ok bool
	switch {
	case !set(n):
		c.fail(parent, "model", "write model: PATH", "missing key %q", "model")
		return ""
	case n.Kind == yaml.ScalarNode:
		r, ok = c.short(n, n.Value)
	default:
		r, ok = c.long(n)
	}
	if !ok {
		return ""
	}
	c.parsed[r.String()] = r
	return r.String()
}

// short reads path@revision+adapter@revision, but a path that exists is one
// whatever it contains.
func (c *shared) short(n *yaml.Node, text string) (r reference, ok bool) {
	r.text = text
	if c.exists(text) {
		r.path = text
		return r, true
	}
	base, adapter, more := strings.Cut(text, "+")
	r.path, r.revision, _ = strings.Cut(base, "@")
	r.adapter, r.adapterRevision, _ = strings.Cut(adapter, "@")
	if r.path == "" || more && r.adapter == "" || strings.Contains(adapter, "+") || strings.ContainsAny(r.revision+r.adapterRevision, "@") {
		c.fail(n, "model", "write path@revision+adapter@revision", "cannot read the model reference %q", text)
		return r, false
	}
	return r, true
}

func (c *shared) exists(path string) bool {
	return c.opt.Exists != nil && c.opt.Exists(path)
}

// long reads {model: {path, revision}, lora: {path, revision},
// override_architecture}.
func (c *shared) long(n *yaml.Node) (r reference, ok bool) {
	r.long = true
	c.keys(n, "model", []string{"model", "lora", "override_architecture"})
	if r.path, r.revision, ok = c.place(get(n, "model")); !ok || r.path == "" {
		c.fail(n, "model", "write model: PATH, or {model: {path: PATH, revision: REVISION}}", "cannot read this model reference")
		return r, false
	}
	if lora := get(n, "lora"); set(lora) {
		if r.adapter, r.adapterRevision, ok = c.place(lora); !ok {
			c.fail(lora, "lora", "write lora: PATH", "cannot read this adapter's reference")
			return r, false
		}
	}
	if a := get(n, "override_architecture"); set(a) {
		r.architecture = a.Value
	}
	return r, true
}

// place reads a path with its revision, as text or as keys.
func (c *shared) place(n *yaml.Node) (path, revision string, ok bool) {
	n = deref(n)
	switch {
	case !set(n):
		return "", "", false
	case n.Kind == yaml.ScalarNode && c.exists(n.Value):
		return n.Value, "", true
	case n.Kind == yaml.ScalarNode:
		path, revision, _ = strings.Cut(n.Value, "@")
		return path, revision, !strings.Contains(revision, "@")
	}
	c.keys(n, "model", []string{"path", "revision"})
	if rev := get(n, "revision"); set(rev) {
		revision = rev.Value
	}
	p := get(n, "path")
	return valueOf(p), revision, set(p)
}

func valueOf(n *yaml.Node) string {
	if n == nil {
		return ""
	}
	return n.Value
}

var unfit = schema.Pattern(`[^A-Za-z0-9_\-]+`)

// model names a reference in the recipe: an input, or what another document
// yields.
func (c *shared) model(ref string, at *yaml.Node) string {
	if ref == "" {
		return ""
	}
	if name, ok := c.names[ref]; ok {
		return name
	}
	r := c.parsed[ref]
	if doc := c.document(r.path); doc != nil {
		if r.adapter != "" || r.revision != "" || r.architecture != "" {
			c.fail(at, "model", "write its name alone", "%q is a document of this file: it takes no revision, adapter or architecture", r.path)
			return ""
		}
		name := c.produce(doc, at)
		if name != "" {
			c.names[ref] = name
		}
		return name
	}
	c.unknown(r.path, at)
	name := c.fresh(stem("model_", r.base()))
	c.names[ref] = name
	add(c.models, name, r.node(at))
	return name
}

// base is what a model is named after: the last part of its path, or the folder
// of a file that is called model as all are.
func (r reference) base() string {
	r.architecture = ""
	text := strings.TrimSuffix(strings.TrimSuffix(cmp.Or(r.text, r.String()), ".safetensors"), "/model")
	return path.Base(text)
}

// stem makes a name of some text; what a name cannot begin with gets a prefix.
func stem(prefix, text string) string {
	name := strings.Trim(unfit().ReplaceAllString(text, "_"), "_-")
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		return prefix + name
	}
	return name
}

// node says the reference in the recipe's language.
func (r reference) node(at *yaml.Node) *yaml.Node {
	if !r.long {
		return word(at, r.text)
	}
	n := mapping(at)
	for _, f := range []struct{ key, value string }{{"path", r.path}, {"revision", r.revision}, {"adapter", r.adapter}, {"adapter_revision", r.adapterRevision}, {"architecture", r.architecture}} {
		if f.value != "" {
			add(n, f.key, word(at, f.value))
		}
	}
	return n
}

// load names a model and, when the document sets a dtype, casts it: mergekit
// casts on load and computes in that dtype.
func (c *compiler) load(ref string, at *yaml.Node) string {
	name := c.model(ref, at)
	if c.dtype == nil || name == "" || c.opt.Stored != nil && c.opt.Stored(name, c.dtype.Value) {
		return c.tokenized(name, at)
	}
	if c.casts[name] == "" {
		c.casts[name] = c.step(c.fresh(fmt.Sprintf("%s-%s", name, c.dtype.Value)), at, "edit.cast", pair("model", word(at, name)), pair("dtype", c.dtype))
	}
	return c.tokenized(c.casts[name], at)
}
