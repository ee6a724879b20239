package recipes

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/expr-lang/expr"
	"gopkg.in/yaml.v3"

	"github.com/rouxml/roux/schema"
)

var embedded = schema.Pattern(`(?s)\$\{\{(.*?)\}\}`)

// maxNodes bounds a document with all of its aliases and matrices written out.
const maxNodes = 1_000_000

// interpolate returns a copy of the tree with every ${{ }} replaced by its
// value. A scalar that is one whole expression takes the value's type. Aliases
// are written out. Places stay.
func (p *parser) interpolate(n *yaml.Node, env map[string]any, path string) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	c := *n
	c.Content, c.Anchor = nil, ""
	if p.spent++; p.spent > maxNodes {
		if p.spent == maxNodes+1 {
			p.fail(n, path, "write fewer variants", "the recipe is too large with its matrices written out")
		}
		return &c
	}
	for i, child := range n.Content {
		c.Content = append(c.Content, p.interpolate(child, env, below(n, i, path)))
	}
	if n.Kind == yaml.ScalarNode && strings.Contains(n.Value, "${{") && !p.r.Mergekit {
		return p.scalar(&c, env, path)
	}
	return &c
}

// below is the path of the i-th node in a sequence or mapping.
func below(n *yaml.Node, i int, path string) string {
	switch {
	case n.Kind == yaml.SequenceNode:
		return fmt.Sprintf("%s[%d]", path, i)
	case n.Kind == yaml.MappingNode && i%2 == 1 && n.Content[i-1].Value != "<<":
		return strings.TrimPrefix(path+"."+n.Content[i-1].Value, ".")
	}
	return path
}

func (p *parser) scalar(n *yaml.Node, env map[string]any, path string) *yaml.Node {
	if m := embedded().FindStringSubmatch(n.Value); m != nil && strings.TrimSpace(n.Value) == m[0] {
		if v, ok := p.evaluate(n, m[1], env, path); ok {
			return typed(n, v)
		}
		return n
	}
	if rest := embedded().ReplaceAllString(n.Value, ""); strings.Contains(rest, "${{") {
		p.fail(n, path, "close it", "%q has no }} behind its ${{", n.Value)
		return n
	}
	n.Value = embedded().ReplaceAllStringFunc(n.Value, func(s string) string {
		v, ok := p.evaluate(n, embedded().FindStringSubmatch(s)[1], env, path)
		if !ok {
			return s
		}
		return fmt.Sprint(v)
	})
	return n
}

// evaluate computes one embedded expression; false means that a problem was
// reported.
func (p *parser) evaluate(n *yaml.Node, src string, env map[string]any, path string) (any, bool) {
	prog, err := expr.Compile(src, append(closed(), expr.Env(env))...)
	var v any
	if err == nil {
		v, err = expr.Run(prog, env)
	}
	if err == nil && v == nil {
		err = errors.New("it has no value")
	}
	if err == nil {
		return v, true
	}
	problem := schema.ExprProblem(err, strings.TrimSpace(src), schema.NodePos(n, p.r.File), path, keys(env))
	if problem.Cure == "" {
		problem.Cure = memberCure(src, env)
	}
	p.problems = append(p.problems, problem)
	return nil, false
}

var member = schema.Pattern(`\b(params|matrix)\.(\w+)`)

// memberCure suggests the nearest param for one that is not there.
func memberCure(src string, env map[string]any) string {
	for _, m := range member().FindAllStringSubmatch(src, -1) {
		values, _ := env[m[1]].(map[string]any)
		if _, ok := values[m[2]]; !ok {
			return schema.DidYouMean(m[2], keys(values))
		}
	}
	return ""
}

// typed makes the node say v, as if it had stood in the file.
func typed(n *yaml.Node, v any) *yaml.Node {
	var out yaml.Node
	if err := out.Encode(v); err != nil {
		n.Value = fmt.Sprint(v)
		return n
	}
	moveTo(&out, n.Line, n.Column)
	return &out
}

// moveTo gives a tree the place of what it stands for.
func moveTo(n *yaml.Node, line, column int) {
	n.Line, n.Column = line, column
	for _, c := range n.Content {
		moveTo(c, line, column)
	}
}

// unusedParam reports a param that no expression of the file names. A file that
// takes params by a computed name uses all of them, and an anchor is used by
// its aliases.
func (p *parser) unusedParam(key, value *yaml.Node) {
	named := regexp.MustCompile(`\bparams\s*(\.\s*` + regexp.QuoteMeta(key.Value) + `\b|[^.\s:\w])`)
	if !anchored(value) && !named.Match(p.r.Text) {
		p.fail(key, "params."+key.Value, "write ${{ params."+key.Value+" }} where it belongs, or remove it", "nothing uses param %q", key.Value)
	}
}

func anchored(n *yaml.Node) bool {
	return n.Anchor != "" || slices.ContainsFunc(n.Content, anchored)
}

// readParams reads the recipe's params, with --set over them.
func (p *parser) readParams(n *yaml.Node) {
	p.params = map[string]any{}
	if n != nil {
		for _, pair := range p.pairs(n, "params", "write params as name: value") {
			var v any
			if err := pair.Value.Decode(&v); err != nil {
				p.fail(pair.Value, "params."+pair.Key.Value, "", "%s", strings.TrimPrefix(err.Error(), "yaml: "))
			}
			p.params[pair.Key.Value] = v
			p.unusedParam(pair.Key, pair.Value)
		}
	}
	for _, name := range keys(p.opt.Set) {
		problem := schema.Problem{Pos: schema.Pos{File: p.r.File}, Path: "--set " + name}
		var v any
		if _, ok := p.params[name]; !ok {
			problem.Msg, problem.Cure = "the recipe has no such param", schema.DidYouMean(name, keys(p.params))
			if len(p.params) == 0 {
				problem.Cure = fmt.Sprintf("it declares none: write params: {%s: VALUE} at the top and ${{ params.%s }} where it belongs", name, name)
			}
		} else if err := yaml.Unmarshal([]byte(p.opt.Set[name]), &v); err != nil {
			problem.Msg, problem.Cure = fmt.Sprintf("cannot read %q as YAML: %s", p.opt.Set[name], strings.TrimPrefix(err.Error(), "yaml: ")), "quote it"
		} else {
			p.params[name] = v
			continue
		}
		p.problems = append(p.problems, problem)
	}
}
