package recipes

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/rouxml/roux/schema"
)

// reserved are the keys of a step that belong to the language, not to ops.
var reserved = []string{"op", "where", "cache", "when", "matrix", "seed", "note", "allow_empty"}

// rawStep is a step before its params are decoded.
type rawStep struct {
	name   string
	matrix string // the step that it is a variant of
	key    *yaml.Node
	own    map[string]*yaml.Node // reserved keys
	rest   *yaml.Node            // the op's own keys
	node   *yaml.Node
}

// steps reads all steps: first their names, then what is in them, since a step
// may name one that stands further down.
func (p *parser) steps(n *yaml.Node) {
	if n == nil {
		return
	}
	var raw []rawStep
	for _, pair := range p.pairs(n, "steps", "write steps as name: {op: ...}") {
		for _, r := range p.expand(pair) {
			if p.claim(r.key, "steps."+r.name, r.name, !p.measures(r)) {
				raw = append(raw, r)
			} else {
				p.mention(r.node)
			}
		}
	}
	for _, r := range raw {
		p.step(r)
	}
	measuring := p.measuring()
	for _, r := range raw {
		if when := r.own["when"]; when != nil {
			p.when(r.name, p.metricExpr(when, "steps."+r.name+".when", measuring))
		}
	}
}

func (p *parser) when(step string, e *Expr) {
	for i := range p.r.Steps {
		if p.r.Steps[i].Name == step {
			p.r.Steps[i].When = e
		}
	}
}

func (p *parser) measures(r rawStep) bool {
	op := r.own["op"]
	return op != nil && p.cat.Measures(op.Value)
}

// cut parts a step's reserved keys from its op's.
func (p *parser) cut(name string, key, n *yaml.Node, path string) rawStep {
	r := rawStep{name: name, key: key, node: n, own: map[string]*yaml.Node{}, rest: &yaml.Node{Kind: yaml.MappingNode, Line: n.Line, Column: n.Column}}
	for _, pair := range p.pairs(n, path, "write {op: NAME, ...}") {
		if slices.Contains(reserved, pair.Key.Value) {
			r.own[pair.Key.Value] = pair.Value
		} else {
			r.rest.Content = append(r.rest.Content, pair.Key, pair.Value)
		}
	}
	return r
}

func (p *parser) step(r rawStep) {
	path := "steps." + r.name
	before := p.last
	if !p.measures(r) {
		p.last = r.name
		if r.matrix != "" {
			p.last = r.matrix
		}
	}
	op := r.own["op"]
	if op == nil {
		p.mention(r.node)
		p.fail(r.node, path, "write op: NAME; roux ops lists them", "missing key %q", "op")
		return
	}
	params, ok := p.cat.Params(op.Value)
	if !ok {
		p.mention(r.node)
		p.fail(op, path+".op", schema.DidYouMean(op.Value, p.cat.Names()), "unknown op %s", describe(op))
		return
	}
	s := Step{Name: r.name, Pos: schema.NodePos(r.key, p.r.File), Op: op.Value, OpPos: schema.NodePos(op, p.r.File),
		Params: params, Measures: p.cat.Measures(op.Value), Cache: "auto"}
	p.spread(r.rest)
	problems := schema.Decode(r.rest, p.r.File, path, params)
	p.problems = append(p.problems, problems...)
	if problems == nil {
		p.crossCheck(path, r, &s)
	} else {
		p.mention(r.rest)
	}
	p.reservedKeys(r, path, &s)
	if r.matrix != "" && before == r.matrix && p.variants[r.matrix][0] != r.name {
		before = p.beforeMatrix[r.matrix]
	}
	p.inputs(path, r, &s, before)
	p.r.Steps = append(p.r.Steps, s)
}
