package mergekit

import (
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/rouxml/roux/schema"
)

// progress is how far a document is.
type progress int

const (
	untouched progress = iota
	underway
	done
)

// title reads the documents' names: all differ, and one may have none.
func (f *shared) title() {
	at := map[string]*yaml.Node{}
	for _, c := range f.docs {
		n := get(c.root, "name")
		where := n
		if set(n) {
			c.name = n.Value
		} else {
			where = c.root
		}
		first, taken := at[c.name]
		switch {
		case taken && c.name == "":
			f.fail(where, "name", "give all but the last one a name", "two documents have no name, the first at line %d", first.Line)
		case taken:
			f.fail(where, "name", "rename one of them", "two documents are named %q, the first at line %d", c.name, first.Line)
		case strings.ContainsAny(c.name, "@+"):
			f.fail(where, "name", "leave out @ and +, which part references", "%q is no name of a document", c.name)
		}
		at[c.name] = where
	}
}

// document returns the document of a name, or nil.
func (f *shared) document(name string) *compiler {
	for _, c := range f.docs {
		if name != "" && c.name == name {
			return c
		}
	}
	return nil
}

// label is what the steps of a document are named after.
func (c *compiler) label(otherwise string) string {
	if c.name == "" {
		return otherwise
	}
	return stem("merge_", c.name)
}

// produce compiles the document that a reference names and returns what it
// yields. A document that leads back to itself is a problem.
func (f *shared) produce(c *compiler, at *yaml.Node) string {
	if c.state == underway {
		f.fail(at, "", "let one of them take an earlier model", "documents go round in a circle through %q", c.name)
		return ""
	}
	c.used = true
	c.compile()
	return c.result
}

// unknown reports a name that can be neither a document nor a model.
func (f *shared) unknown(path string, at *yaml.Node) {
	if len(f.docs) < 2 || strings.Contains(path, "/") || f.opt.Exists != nil && f.opt.Exists(path) {
		return
	}
	var names []string
	for _, c := range f.docs {
		if c.name != "" {
			names = append(names, c.name)
		}
	}
	f.fail(at, "", schema.DidYouMean(path, names), "no document of this file and no model here is named %q", path)
}

// outputs lists what is written: each result that no other document takes.
func (f *shared) outputs() *yaml.Node {
	list := mapping(f.docs[0].root)
	var last []*compiler
	unnamed := false
	for _, c := range f.docs {
		if !c.used {
			last = append(last, c)
			unnamed = unnamed || c.name == ""
		}
	}
	for _, c := range last {
		name, path := "model", f.opt.Out
		if c.name != "" && len(last) > 1 {
			name = stem("merge_", c.name)
			for get(list, name) != nil || name == "model" {
				name += "_"
			}
			path += separator(unnamed) + name
		}
		add(list, name, mapping(c.root, pair("from", word(c.root, c.result)), pair("path", word(c.root, path))))
	}
	return list
}

// separator puts named results into the folder, or beside the unnamed one that
// takes its place.
func separator(unnamed bool) string {
	if unnamed {
		return "-"
	}
	return "/"
}
