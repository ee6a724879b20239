package recipes

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/rouxml/roux/recipes/mergekit"
	"github.com/rouxml/roux/schema"
)

// version is the language that this parser reads.
const version = 1

// parser gathers a recipe and everything that is wrong with it.
type parser struct {
	r        *Recipe
	cat      Catalog
	opt      Options
	above    []string // recipes that this one is an input of
	problems schema.Problems
	names    map[string]schema.Pos // models and steps
	yields   map[string]bool       // names that are models
	variants map[string][]string   // of matrix steps
	last     string                // the latest step that yields a model
}

func (p *parser) fail(n *yaml.Node, path, cure, format string, args ...any) {
	p.problems = append(p.problems, schema.Problem{Pos: schema.NodePos(n, p.r.File), Path: path, Msg: fmt.Sprintf(format, args...), Cure: cure})
}

func parse(file string, text []byte, cat Catalog, o Options, above []string) (*Recipe, error) {
	if len(text) > maxFile {
		return nil, schema.Problems{{Pos: schema.Pos{File: file}, Msg: "a recipe has at most 16 MiB"}}
	}
	root, err := document(file, text)
	if err != nil {
		return nil, err
	}
	p := &parser{r: &Recipe{File: file, Text: text}, cat: cat, opt: o, above: append(above, realName(file)),
		names: map[string]schema.Pos{}, yields: map[string]bool{}, variants: map[string][]string{}}
	if mergekit.Is(root) {
		if root = p.fromMergekit(root); root == nil {
			return nil, p.problems
		}
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

var yamlLine = regexp.MustCompile(`^yaml: (?:unmarshal errors:\s*)?line (\d+): (.*)`)

// document parses YAML and returns the root mapping.
func document(file string, text []byte) (*yaml.Node, error) {
	var doc, more yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(text))
	err := d.Decode(&doc)
	if errors.Is(err, io.EOF) || err == nil && len(doc.Content) == 0 {
		return nil, schema.Problems{{Pos: schema.Pos{File: file}, Msg: "the file is empty", Cure: "roux init writes a recipe to begin with"}}
	}
	if err != nil {
		pos := schema.Pos{File: file}
		msg := err.Error()
		if m := yamlLine.FindStringSubmatch(msg); m != nil {
			pos.Line, _ = strconv.Atoi(m[1])
			pos.Column, msg = 1, m[2]
		}
		return nil, schema.Problems{{Pos: pos, Msg: msg}}
	}
	if err := d.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, schema.Problems{{Pos: schema.NodePos(&more, file), Msg: "a second document follows", Cure: "a recipe is one document; write the second as a file of its own"}}
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		return nil, schema.Problems{{Pos: schema.NodePos(root, file), Msg: "a recipe is a mapping of roux, models, steps and outputs"}}
	}
	if nodes(root, 0) > maxNodes {
		return nil, schema.Problems{{Pos: schema.Pos{File: file}, Msg: "the document is too large or nests too deeply"}}
	}
	return root, nil
}

// maxNodes bounds a document with all of its aliases written out.
const maxNodes = 1_000_000

// nodes counts, aliases written out, up to a little over the bound.
func nodes(n *yaml.Node, depth int) int {
	if depth > 100 {
		return maxNodes + 1
	}
	if n.Kind == yaml.AliasNode {
		return nodes(n.Alias, depth+1)
	}
	total := 1
	for _, c := range n.Content {
		if total += nodes(c, depth+1); total > maxNodes {
			return total
		}
	}
	return total
}

func (p *parser) fromMergekit(root *yaml.Node) *yaml.Node {
	p.r.Mergekit = true
	if p.opt.Out == "" {
		p.opt.Out = filepath.Join("out", strings.TrimSuffix(filepath.Base(p.r.File), filepath.Ext(p.r.File)))
	}
	out, problems, notes := mergekit.Compile(root, p.r.File, p.opt.Out)
	p.problems = append(p.problems, problems...)
	p.r.Notes = append(p.r.Notes, notes...)
	p.opt.Out = ""
	return out
}

// top is the order in which the parts are read, whatever their order in the
// file: names before their uses.
var top = []string{"roux", "name", "description", "seed", "params", "models", "data", "steps", "gates", "outputs"}

func (p *parser) document(root *yaml.Node) {
	pairs, problems := schema.Pairs(root, p.r.File, "")
	p.problems = append(p.problems, problems...)
	parts := map[string]schema.Pair{}
	for _, pair := range pairs {
		if !slices.Contains(top, pair.Key.Value) {
			p.fail(pair.Key, "", schema.DidYouMean(pair.Key.Value, top), "unknown key %q", pair.Key.Value)
			continue
		}
		parts[pair.Key.Value] = pair
	}
	p.header(root, parts)
	params := p.params(parts["params"].Value)
	for _, part := range []string{"name", "description", "seed", "models", "data", "steps", "gates", "outputs"} {
		if n := parts[part].Value; n != nil {
			parts[part] = schema.Pair{Key: parts[part].Key, Value: p.interpolate(n, map[string]any{"params": params}, part)}
		}
	}
	p.simple(parts)
	p.models(parts["models"].Value)
	p.stepsOf(parts["steps"].Value, params)
	p.gates(parts["gates"].Value)
	p.outputs(root, parts["outputs"].Value)
	if len(p.problems) == 0 {
		p.order()
	}
	if len(p.problems) == 0 {
		p.unused()
	}
}

func (p *parser) header(root *yaml.Node, parts map[string]schema.Pair) {
	v, ok := parts["roux"]
	switch {
	case !ok:
		p.fail(root, "", "write roux: 1 on the first line", "missing key %q: the version of the recipe language", "roux")
	case v.Value.Value != strconv.Itoa(version):
		p.fail(v.Value, "roux", "this roux reads version 1: upgrade roux, or rewrite the recipe", "recipe language version %q", v.Value.Value)
	}
	for _, need := range []string{"models"} {
		if _, ok := parts[need]; !ok {
			p.fail(root, "", "name at least one model", "missing key %q", need)
		}
	}
}

func (p *parser) simple(parts map[string]schema.Pair) {
	p.r.Name = strings.TrimSuffix(filepath.Base(p.r.File), filepath.Ext(p.r.File))
	if n := parts["name"].Value; n != nil {
		p.r.Name = n.Value
	}
	if n := parts["description"].Value; n != nil {
		p.r.Description = n.Value
	}
	if n := parts["seed"].Value; n != nil {
		seed, err := strconv.ParseUint(n.Value, 0, 64)
		if err != nil {
			p.fail(n, "seed", "", "want a whole number that is not negative, found %q", n.Value)
		}
		p.r.Seed = seed
	}
	if n := parts["data"].Value; n != nil && len(n.Content) > 0 {
		p.fail(n, "data", "no op of this version reads data: remove it", "data is not used")
	}
}

// claim reserves a name shared by models and steps.
func (p *parser) claim(key *yaml.Node, path, name string, model bool) bool {
	if first, taken := p.names[name]; taken {
		p.fail(key, path, "", "the name %q is taken, at line %d", name, first.Line)
		return false
	}
	if !nameRule.MatchString(name) {
		p.fail(key, path, "use letters, digits, _ and -, beginning with a letter", "%q is no name", name)
		return false
	}
	p.names[name] = schema.NodePos(key, p.r.File)
	p.yields[name] = model
	return true
}

var nameRule = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.\-]*$`)
