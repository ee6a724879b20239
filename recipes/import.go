package recipes

import (
	"bytes"
	"errors"
	"path/filepath"
	"slices"
	"strconv"

	"gopkg.in/yaml.v3"

	"github.com/rouxml/roux/recipes/mergekit"
	"github.com/rouxml/roux/schema"
)

// Import turns a mergekit file into a recipe that runs to the same bytes. dir is
// the folder that the recipe is for: paths of models are made relative to it.
// Comments are kept. Notes are words for the user, as in a Recipe. An error
// about the file is schema.Problems.
func Import(file string, text []byte, cat Catalog, o Options, dir string) (recipe []byte, notes []string, err error) {
	docs, err := readYAML(file, text)
	if err != nil {
		return nil, nil, err
	}
	if !mergekit.Is(docs[0]) {
		return nil, nil, schema.Problems{{Pos: schema.NodePos(docs[0], file), Msg: "this is no mergekit file: it has no merge_method", Cure: "a recipe needs no import"}}
	}
	r, err := parse(file, text, cat, o, nil)
	if err != nil {
		return nil, nil, err
	}
	out := o.Out
	if out == "" {
		out = filepath.Join("out", stem(file))
	}
	root, problems, notes := mergekit.Compile(docs, file, mergekit.Options{Out: out, Compat: o.Compat, Exists: existing(r), Stored: stored(r, o.Stored)})
	if problems != nil {
		return nil, nil, problems
	}
	root = plain(root)
	move(root, r.Models, dir)
	comments, err := commentsOf(text)
	if err != nil {
		return nil, nil, err
	}
	attach(root, comments)
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := errors.Join(e.Encode(root), e.Close()); err != nil {
		return nil, nil, err
	}
	return b.Bytes(), notes, nil
}

// stored looks for a model by its name.
func stored(r *Recipe, has func(Model, string) bool) func(name, dtype string) bool {
	return func(name, dtype string) bool {
		i := slices.IndexFunc(r.Models, func(m Model) bool { return m.Name == name })
		return has != nil && i >= 0 && has(r.Models[i], dtype)
	}
}

// existing looks for models as the parser of a mergekit file does.
func existing(r *Recipe) func(string) bool {
	p := parser{r: r}
	return func(path string) bool { return exists(p.local(path)) }
}

// plain copies a tree without comments, anchors and what is said anyway.
func plain(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	c := *n
	c.Content, c.Anchor, c.HeadComment, c.LineComment, c.FootComment = nil, "", "", "", ""
	if _, err := strconv.ParseFloat(n.Value, 64); n.Kind == yaml.ScalarNode && err == nil && n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) == 0 {
		c.Tag = ""
	}
	for _, child := range n.Content {
		c.Content = append(c.Content, plain(child))
	}
	if c.Kind == yaml.MappingNode {
		unsay(&c)
	}
	return &c
}

// unsay takes allow_empty out of a step that cannot be empty.
func unsay(n *yaml.Node) {
	op := valueOf(n, "op")
	if op == nil || op.Value == "edit.cast" || mentions(n, "where") {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == "allow_empty" {
			n.Content = append(n.Content[:i:i], n.Content[i+2:]...)
			return
		}
	}
}

func mentions(n *yaml.Node, key string) bool {
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 && c.Value == key || mentions(c, key) {
			return true
		}
	}
	return false
}

// move writes the paths of local models as they are seen from a folder.
func move(root *yaml.Node, models []Model, dir string) {
	list := valueOf(root, "models")
	for _, m := range models {
		n := valueOf(list, m.Name)
		base, adapter := seenFrom(dir, m.Path), seenFrom(dir, m.Adapter)
		if n.Kind == yaml.MappingNode {
			for key, value := range map[string]string{"path": base, "adapter": adapter} {
				if v := valueOf(n, key); v != nil {
					v.Value = value
				}
			}
			continue
		}
		n.Value = withRevision(base, m.Revision)
		if adapter != "" {
			n.Value += "+" + withRevision(adapter, m.AdapterRevision)
		}
	}
}

func withRevision(path, revision string) string {
	if revision == "" {
		return path
	}
	return path + "@" + revision
}

// seenFrom makes a relative path that leads to something relative to a folder.
func seenFrom(dir, path string) string {
	if path == "" || filepath.IsAbs(path) || !exists(path) {
		return path
	}
	from, err1 := filepath.Abs(dir)
	to, err2 := filepath.Abs(path)
	if rel, err := filepath.Rel(from, to); errors.Join(err1, err2, err) == nil {
		return rel
	}
	return path
}
