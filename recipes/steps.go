package recipes

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/rouxml/roux/schema"
)

// reserved are the keys of a step that belong to the language, not to ops.
var reserved = []string{"op", "where", "cache", "when", "matrix", "seed", "note", "allow_empty", "keys"}

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
	only := p.onlyModel()
	for _, pair := range p.pairs(n, "steps", "write steps as name: {op: ...}") {
		for _, r := range p.expand(pair) {
			if p.claim(r.key, "steps."+r.name, r.name, !p.measures(r)) {
				raw = append(raw, r)
				p.raw[r.name] = r
			} else {
				p.mention(r.node)
			}
		}
	}
	previous, latest := "", only
	for i, r := range raw {
		if i == 0 || r.matrix == "" || r.matrix != raw[i-1].matrix {
			previous = latest
		}
		p.step(r, previous)
		if !p.measures(r) {
			latest = cmp.Or(r.matrix, r.name)
		}
	}
	measuring := p.measuring()
	for _, r := range raw {
		if when := r.own["when"]; when != nil {
			path := "steps." + r.name + ".when"
			e := p.metricExpr(when, path, measuring)
			if e != nil {
				p.knownMetrics(e, when, path)
			}
			p.when(r.name, e)
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

// step reads one step; previous is the one before it that yields a model.
func (p *parser) step(r rawStep, previous string) {
	path := "steps." + r.name
	op := r.own["op"]
	if op == nil {
		p.mention(r.node)
		p.fail(r.node, path, "write op: NAME; roux ops lists them", "missing key %q", "op")
		return
	}
	params, ok := p.cat.Params(op.Value)
	if !ok {
		p.mention(r.node)
		p.unknownOps = true
		p.fail(op, path+".op", cmp.Or(schema.MeantOp(op.Value, p.cat.Names()), "roux ops lists them"), "unknown op %s", describe(op))
		return
	}
	s := Step{Name: r.name, Pos: schema.NodePos(r.key, p.r.File), Op: op.Value, OpPos: schema.NodePos(op, p.r.File),
		Params: params, Measures: p.cat.Measures(op.Value), Cache: "auto", Keys: KeysSame}
	p.spread(r.rest)
	problems := schema.Decode(r.rest, p.r.File, path, params)
	p.problems = append(p.problems, problems...)
	p.reservedKeys(r, path, &s)
	p.inputs(r, path, previous, &s)
	p.stepKeys(r, path, &s)
	if problems == nil {
		p.crossCheck(r, path, &s)
	} else {
		p.mention(r.rest)
	}
	p.r.Steps = append(p.r.Steps, s)
}

// crossCheck asks the op about rules between its fields.
func (p *parser) crossCheck(r rawStep, path string, s *Step) {
	for _, problem := range p.cat.Check(s.Op, s.Params) {
		if problem.Pos.Line == 0 {
			problem.Pos = schema.NodePos(find(r.rest, problem.Path, r.node), p.r.File)
		}
		problem.Path = strings.TrimSuffix(path+"."+problem.Path, ".")
		p.problems = append(p.problems, problem)
	}
}

// find returns the value of a path's first key, or the step itself.
func find(n *yaml.Node, path string, otherwise *yaml.Node) *yaml.Node {
	if i := strings.IndexAny(path, ".["); i >= 0 {
		path = path[:i]
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == path {
			return n.Content[i+1]
		}
	}
	return otherwise
}

// reservedKeys reads what the language says about every step.
func (p *parser) reservedKeys(r rawStep, path string, s *Step) {
	if n := r.own["where"]; n != nil {
		pred, problems := schema.CompilePredicate(p.text(n, path+".where"), schema.NodePos(n, p.r.File), path+".where")
		if n.Kind == yaml.ScalarNode {
			p.problems = append(p.problems, problems...)
		}
		s.Where, s.WherePos = &pred, schema.NodePos(n, p.r.File)
	}
	if n := r.own["cache"]; n != nil {
		s.Cache = n.Value
		if modes := []string{"auto", "always", "never"}; !slices.Contains(modes, n.Value) {
			p.fail(n, path+".cache", "use auto, always or never", "unknown cache mode %s", describe(n))
		}
	}
	if n := r.own["seed"]; n != nil {
		seed := p.seed(n, path+".seed")
		s.Seed = &seed
	}
	if n := r.own["note"]; n != nil {
		s.Note = p.text(n, path+".note")
	}
	if n := r.own["allow_empty"]; n != nil {
		if err := n.Decode(&s.AllowEmpty); err != nil {
			p.fail(n, path+".allow_empty", "", "want true or false, found %s", describe(n))
		}
	}
}

// stepKeys reads what the step does about tensors that some of its models lack.
func (p *parser) stepKeys(r rawStep, path string, s *Step) {
	n := r.own["keys"]
	if n == nil {
		return
	}
	s.Keys = Keys(n.Value)
	known := []string{string(KeysSame), string(KeysIntersection), string(KeysUnion)}
	switch {
	case !slices.Contains(known, n.Value):
		p.fail(n, path+".keys", cmp.Or(schema.DidYouMean(n.Value, known), "use same, intersection or union"), "unknown choice of keys %s", describe(n))
	case len(s.Inputs) == 1:
		p.fail(n, path+".keys", "remove it", "keys is about tensors that some of several models lack, and this step takes one")
	}
}

// onlyModel is the recipe's model when it has exactly one: the first step needs
// no name for it. It is asked before steps claim their names.
func (p *parser) onlyModel() string {
	if names := keys(p.yields); len(names) == 1 {
		return names[0]
	}
	return ""
}

// inputs finds what the step takes; a model left out is the previous step, or
// for the first step the only model.
func (p *parser) inputs(r rawStep, path, previous string, s *Step) {
	for _, ref := range schema.PreviousRefs(s.Params) {
		if previous == "" {
			var models []string
			for _, m := range p.r.Models {
				models = append(models, m.Name)
				p.loose[m.Name] = true // it may be the one that is meant
			}
			p.fail(r.node, path, "say model: NAME, one of "+strings.Join(models, ", "), "there is no step before this one to take a model from, and more than one model")
			continue
		}
		ref.Name, ref.Pos = previous, schema.NodePos(r.node, p.r.File)
	}
	for _, ref := range schema.Refs(s.Params) {
		if ref.Name != "" {
			p.known(ref, path)
			s.Inputs = append(s.Inputs, ref)
		}
	}
	p.readsData(path, s)
}

// measuring lists the steps that yield metrics, in file order.
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
		p.fail(n, "gates", "write gates as a list of expressions", "want a list, found %s", describe(n))
		return
	}
	measuring := p.measuring()
	for i, item := range n.Content {
		if e := p.metricExpr(item, fmt.Sprintf("gates[%d]", i), measuring); e != nil {
			p.knownMetrics(e, item, fmt.Sprintf("gates[%d]", i))
			p.r.Gates = append(p.r.Gates, Gate{Expr: e, Pos: schema.NodePos(item, p.r.File), Text: item.Value})
		}
	}
}
