package recipes

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/rouxml/roux/schema"
)

// reserved are the keys of a step that belong to the language, not to ops.
var reserved = []string{"op", "where", "cache", "when", "matrix", "seed", "note", "allow_empty"}

// rawStep is a step before its params are decoded.
type rawStep struct {
	name string
	key  *yaml.Node
	own  map[string]*yaml.Node // reserved keys
	rest *yaml.Node            // the op's own keys
	node *yaml.Node
}

// stepsOf reads all steps: first their names, then what is in them, since a
// step may name one that stands further down.
func (p *parser) stepsOf(n *yaml.Node, params map[string]any) {
	if n == nil {
		return
	}
	if n.Kind != yaml.MappingNode {
		p.fail(n, "steps", "write steps as name: {op: ...}", "want a mapping")
		return
	}
	pairs, problems := schema.Pairs(n, p.r.File, "steps")
	p.problems = append(p.problems, problems...)
	var raw []rawStep
	for _, pair := range pairs {
		raw = append(raw, p.expand(pair, params)...)
	}
	for i := range raw {
		op := raw[i].own["op"]
		if p.claim(raw[i].key, "steps."+raw[i].name, raw[i].name, op == nil || !p.cat.Measures(op.Value)) {
			continue
		}
		raw[i].name = ""
	}
	for _, r := range raw {
		if r.name != "" {
			p.step(r)
		}
	}
}

// expand cuts a step into its reserved and its own keys, and a matrix into its
// variants.
func (p *parser) expand(pair schema.Pair, params map[string]any) []rawStep {
	path := "steps." + pair.Key.Value
	if pair.Value.Kind != yaml.MappingNode {
		p.fail(pair.Value, path, "write {op: NAME, ...}", "want a mapping")
		return nil
	}
	r := p.cut(pair.Key.Value, pair.Key, pair.Value, path)
	m := r.own["matrix"]
	if m == nil {
		return []rawStep{r}
	}
	var all []rawStep
	for _, combo := range p.combinations(m, path+".matrix") {
		name := pair.Key.Value + "-" + combo.label
		node := p.interpolate(pair.Value, map[string]any{"params": params, "matrix": combo.values}, path)
		one := p.cut(name, pair.Key, node, path)
		p.variants[pair.Key.Value] = append(p.variants[pair.Key.Value], name)
		all = append(all, one)
	}
	return all
}

func (p *parser) cut(name string, key, n *yaml.Node, path string) rawStep {
	r := rawStep{name: name, key: key, node: n, own: map[string]*yaml.Node{}, rest: &yaml.Node{Kind: yaml.MappingNode, Line: n.Line, Column: n.Column}}
	pairs, problems := schema.Pairs(n, p.r.File, path)
	p.problems = append(p.problems, problems...)
	for _, pair := range pairs {
		if slices.Contains(reserved, pair.Key.Value) {
			r.own[pair.Key.Value] = pair.Value
		} else {
			r.rest.Content = append(r.rest.Content, pair.Key, pair.Value)
		}
	}
	return r
}

// combo is one point of a matrix.
type combo struct {
	label  string
	values map[string]any
}

// combinations lists every point of a matrix, the last key fastest.
func (p *parser) combinations(n *yaml.Node, path string) []combo {
	pairs, problems := schema.Pairs(n, p.r.File, path)
	p.problems = append(p.problems, problems...)
	all := []combo{{values: map[string]any{}}}
	for _, pair := range pairs {
		var values []any
		if err := pair.Value.Decode(&values); err != nil || len(values) == 0 {
			p.fail(pair.Value, path+"."+pair.Key.Value, "write name: [value, value]", "want a list of values")
			return nil
		}
		var next []combo
		for _, c := range all {
			for _, v := range values {
				m := map[string]any{pair.Key.Value: v}
				for k, old := range c.values {
					m[k] = old
				}
				next = append(next, combo{strings.TrimPrefix(c.label+"-"+fmt.Sprint(v), "-"), m})
			}
		}
		if all = next; len(all) > 10_000 {
			p.fail(n, path, "", "a matrix of more than 10000 steps")
			return nil
		}
	}
	return all
}

func (p *parser) step(r rawStep) {
	path := "steps." + r.name
	s := Step{Name: r.name, Pos: schema.NodePos(r.key, p.r.File), Cache: "auto"}
	op := r.own["op"]
	if op == nil {
		p.fail(r.node, path, "write op: NAME; roux ops lists them", "missing key %q", "op")
		return
	}
	s.Op, s.OpPos = op.Value, schema.NodePos(op, p.r.File)
	params, ok := p.cat.Params(op.Value)
	if !ok {
		p.fail(op, path+".op", schema.DidYouMean(op.Value, p.cat.Names()), "unknown op %q", op.Value)
		return
	}
	s.Params, s.Measures = params, p.cat.Measures(op.Value)
	p.spread(r.rest)
	problems := schema.Decode(r.rest, p.r.File, path, params)
	p.problems = append(p.problems, problems...)
	p.reservedKeys(r, path, &s)
	p.inputs(path, r, &s)
	if problems == nil {
		for _, problem := range p.cat.Check(s.Op, params) {
			problem.Pos, problem.Path = schema.NodePos(find(r.rest, problem.Path, r.node), p.r.File), strings.TrimSuffix(path+"."+problem.Path, ".")
			p.problems = append(p.problems, problem)
		}
	}
	p.r.Steps = append(p.r.Steps, s)
	if !s.Measures {
		p.last = s.Name
	}
}

// find returns the value of a key, or the step itself.
func find(n *yaml.Node, key string, otherwise *yaml.Node) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return otherwise
}

// spread replaces the name of a matrix in a list by the names of its variants.
func (p *parser) spread(n *yaml.Node) {
	if n.Kind != yaml.SequenceNode {
		for _, c := range n.Content {
			p.spread(c)
		}
		return
	}
	var content []*yaml.Node
	for _, c := range n.Content {
		names := p.variants[c.Value]
		if c.Kind != yaml.ScalarNode || len(names) == 0 {
			p.spread(c)
			content = append(content, c)
			continue
		}
		for _, name := range names {
			content = append(content, &yaml.Node{Kind: yaml.ScalarNode, Value: name, Line: c.Line, Column: c.Column})
		}
	}
	n.Content = content
}

func (p *parser) reservedKeys(r rawStep, path string, s *Step) {
	if n := r.own["where"]; n != nil {
		pred, problems := schema.CompilePredicate(n.Value, schema.NodePos(n, p.r.File), path+".where")
		p.problems = append(p.problems, problems...)
		s.Where = &pred
	}
	if n := r.own["cache"]; n != nil {
		s.Cache = n.Value
		if !slices.Contains([]string{"auto", "always", "never"}, n.Value) {
			p.fail(n, path+".cache", "use auto, always or never", "unknown cache mode %q", n.Value)
		}
	}
	if n := r.own["seed"]; n != nil {
		seed, err := strconv.ParseUint(n.Value, 0, 64)
		if err != nil {
			p.fail(n, path+".seed", "", "want a whole number that is not negative, found %q", n.Value)
		}
		s.Seed = &seed
	}
	if n := r.own["note"]; n != nil {
		s.Note = n.Value
	}
	if n := r.own["allow_empty"]; n != nil {
		s.AllowEmpty = n.Value == "true"
	}
	if n := r.own["when"]; n != nil {
		s.When = p.metricExpr(n, path+".when", p.measuring())
	}
}

// inputs finds what the step takes; a model left out is the previous step.
func (p *parser) inputs(path string, r rawStep, s *Step) {
	for _, ref := range schema.PreviousRefs(s.Params) {
		if p.last == "" {
			p.fail(r.node, path, "say model: NAME", "there is no step before this one to take a model from")
			return
		}
		ref.Name, ref.Pos = p.last, schema.NodePos(r.node, p.r.File)
	}
	s.Inputs = schema.Refs(s.Params)
	for _, ref := range s.Inputs {
		p.known(ref, path)
	}
}

// measuring lists the steps so far that yield metrics.
func (p *parser) measuring() []string {
	var names []string
	for _, s := range p.r.Steps {
		if s.Measures {
			names = append(names, s.Name)
		}
	}
	return names
}

func (p *parser) gates(n *yaml.Node) {
	if n == nil {
		return
	}
	if n.Kind != yaml.SequenceNode {
		p.fail(n, "gates", "write gates as a list of expressions", "want a list")
		return
	}
	for i, item := range n.Content {
		if e := p.metricExpr(item, fmt.Sprintf("gates[%d]", i), p.measuring()); e != nil {
			p.r.Gates = append(p.r.Gates, Gate{Expr: e, Pos: schema.NodePos(item, p.r.File), Text: item.Value})
		}
	}
}
