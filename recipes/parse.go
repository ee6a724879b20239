package recipes

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"gopkg.in/yaml.v3"

	"github.com/rouxml/roux/recipes/mergekit"
	"github.com/rouxml/roux/schema"
)

// version is the language that this parser reads.
const version = 1

// parser gathers a recipe and everything that is wrong with it.
type parser struct {
	r          *Recipe
	cat        Catalog
	opt        Options
	above      []string // recipes that this one is an input of
	problems   schema.Problems
	params     map[string]any
	names      map[string]schema.Pos // models, steps and matrices of steps
	yields     map[string]bool       // names that are models
	variants   map[string][]string   // of matrix steps
	datasets   map[string]bool       // names of data
	raw        map[string]rawStep    // by name
	loose      map[string]bool       // names that stand in parts with problems
	unknownOps bool                  // some step's op is none, so that nobody knows what it makes
	spent      int                   // nodes written out so far
	reads      map[string]string     // real path -> model
	writes     map[string]string     // real path -> output
}

func (p *parser) fail(n *yaml.Node, path, cure, format string, args ...any) {
	p.problems = append(p.problems, schema.Problem{Pos: schema.NodePos(n, p.r.File), Path: path, Msg: fmt.Sprintf(format, args...), Cure: cure})
}

func parse(file string, text []byte, cat Catalog, o Options, above []string) (*Recipe, error) {
	if len(text) > maxFile {
		return nil, schema.Problems{{Pos: schema.Pos{File: file}, Msg: "a recipe has at most 16 MiB", Cure: "is this a recipe?"}}
	}
	docs, err := readYAML(file, text)
	if err != nil {
		return nil, err
	}
	p := &parser{r: &Recipe{File: file, Dir: filepath.Dir(file), Text: text, Set: o.Set}, cat: cat, opt: o, above: append(slices.Clip(above), realName(file)),
		names: map[string]schema.Pos{}, yields: map[string]bool{}, variants: map[string][]string{}, datasets: map[string]bool{}, raw: map[string]rawStep{}, loose: map[string]bool{},
		reads: map[string]string{}, writes: map[string]string{}}
	root := docs[0]
	switch {
	case slices.ContainsFunc(docs, mergekit.Is):
		if root = p.fromMergekit(docs); root == nil {
			p.problems.Sort()
			return nil, p.problems
		}
	case len(docs) > 1:
		return nil, schema.Problems{{Pos: schema.NodePos(docs[1], file), Msg: "a second document follows", Cure: "a recipe is one document; write the second as a file of its own"}}
	case o.Compat != "":
		return nil, schema.Problems{{Pos: schema.Pos{File: file}, Msg: "compat is for mergekit's files, and this is a recipe", Cure: "leave out --compat"}}
	}
	p.document(root)
	if err := p.problems.Err(); err != nil {
		p.problems.Sort()
		return nil, p.problems
	}
	return p.r, nil
}

func realName(file string) string {
	if real, err := filepath.EvalSymlinks(file); err == nil {
		file = real
	}
	if abs, err := filepath.Abs(file); err == nil {
		return abs
	}
	return file
}

// stem is the file's name without its folder and extension.
func stem(file string) string {
	return strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
}

func (p *parser) fromMergekit(docs []*yaml.Node) *yaml.Node {
	p.r.Mergekit = true
	if p.opt.Out == "" {
		p.opt.Out = filepath.Join("out", stem(p.r.File))
	}
	out, problems, notes := mergekit.Compile(docs, p.r.File, mergekit.Options{Out: p.opt.Out, Compat: p.opt.Compat,
		Exists: func(path string) bool { return exists(p.local(path)) }})
	p.problems = append(p.problems, problems...)
	p.r.Notes = append(p.r.Notes, notes...)
	p.opt.Out = ""
	return out
}

// top lists the parts of a recipe in the order in which they are read,
// whatever their order in the file: names before their uses.
var top = []string{"roux", "name", "description", "seed", "params", "models", "data", "steps", "gates", "outputs"}

func (p *parser) document(root *yaml.Node) {
	parts := p.parts(root)
	p.header(root, parts)
	p.readParams(parts["params"])
	env := map[string]any{"params": p.params}
	for _, part := range []string{"name", "description", "seed", "models", "data", "gates", "outputs"} {
		if n := parts[part]; n != nil {
			parts[part] = p.interpolate(n, env, part)
		}
	}
	p.simple(parts)
	p.models(parts["models"])
	p.data(parts["data"])
	p.steps(parts["steps"])
	p.gates(parts["gates"])
	p.outputs(root, parts["outputs"])
	p.order()
	p.unused()
	p.r.MergekitText = func() []byte { return nil }
	if p.problems == nil && !p.r.Mergekit {
		p.r.MergekitText = sync.OnceValue(func() []byte { return p.inMergekit(parts["models"]) })
	}
}

// parts files the top-level values by key, null ones left out.
func (p *parser) parts(root *yaml.Node) map[string]*yaml.Node {
	parts := map[string]*yaml.Node{}
	for _, pair := range p.pairs(root, "", "") {
		switch {
		case !slices.Contains(top, pair.Key.Value):
			p.fail(pair.Key, "", schema.DidYouMean(pair.Key.Value, top), "unknown key %q", pair.Key.Value)
			p.mention(pair.Value)
		case !null(pair.Value):
			parts[pair.Key.Value] = pair.Value
		}
	}
	return parts
}

func (p *parser) header(root *yaml.Node, parts map[string]*yaml.Node) {
	v := parts["roux"]
	switch {
	case v == nil:
		p.fail(root, "", "write roux: 1 on the first line", "missing key %q: the version of the recipe language", "roux")
	case v.Value != strconv.Itoa(version):
		p.fail(v, "roux", "this roux reads version 1: upgrade roux, or rewrite the recipe", "recipe language version %s", describe(v))
	}
	if parts["models"] == nil {
		p.fail(root, "", "name at least one model", "missing key %q", "models")
	}
}

func (p *parser) simple(parts map[string]*yaml.Node) {
	p.r.Name = stem(p.r.File)
	if n := parts["name"]; n != nil {
		p.r.Name = p.text(n, "name")
	}
	if n := parts["description"]; n != nil {
		p.r.Description = p.text(n, "description")
	}
	if n := parts["seed"]; n != nil {
		p.r.Seed = p.seed(n, "seed")
	}
	if p.opt.Seed != nil {
		p.r.Seed = *p.opt.Seed
	}
}

// claim reserves a name shared by models and steps.
func (p *parser) claim(key *yaml.Node, path, name string, model bool) bool {
	if first, taken := p.names[name]; taken {
		p.fail(key, path, "rename one of them", "the name %q is taken, at line %d, column %d", name, first.Line, first.Column)
		return false
	}
	if !isName(name) {
		p.fail(key, path, "use letters, digits, . _ and -, beginning with a letter", "%q is no name", name)
		return false
	}
	p.names[name] = schema.NodePos(key, p.r.File)
	p.yields[name] = model
	return true
}

// isName is written out: a regular expression would be compiled at every start.
func isName(s string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	return s != "" && strings.Contains(letters, s[:1]) && strings.Trim(s, letters+"0123456789_.-") == ""
}

// mention remembers the names in a part that cannot be read, so that what they
// name is not reported as unused too.
func (p *parser) mention(n *yaml.Node) {
	if n.Kind == yaml.ScalarNode {
		p.loose[n.Value] = true
		for _, v := range p.variants[n.Value] {
			p.loose[v] = true
		}
	}
	for _, c := range n.Content {
		p.mention(c)
	}
}
