package recipes

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	exprparser "github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"
	"gopkg.in/yaml.v3"

	"github.com/rouxml/roux/schema"
)

// Expr is a compiled expression over the metrics of measuring steps. It is
// immutable and safe for concurrent use.
type Expr struct {
	src   string
	prog  *vm.Program
	uses  []string
	reads [][]string // chains of names, such as quality, w4, perplexity
}

// String returns the source.
func (e *Expr) String() string { return e.src }

// Uses lists the steps whose metrics the expression reads.
func (e *Expr) Uses() []string { return e.uses }

// Eval computes the value; env maps step names to their metrics, by model and
// name. Reading a metric that is not there is an error, not a zero.
func (e *Expr) Eval(env map[string]any) (any, error) {
	for _, chain := range e.reads {
		if err := present(env, chain); err != nil {
			return nil, fmt.Errorf("expression %q: %w", e.src, err)
		}
	}
	v, err := expr.Run(e.prog, env)
	if err != nil {
		return nil, fmt.Errorf("expression %q: %w", e.src, err)
	}
	return v, nil
}

// Metrics lists the numbers that the expression reads by their names, such as
// quality.w4.perplexity.
func (e *Expr) Metrics(env map[string]any) map[string]float64 {
	found := map[string]float64{}
	for _, chain := range e.reads {
		if len(chain) != 3 {
			continue
		}
		if step, ok := env[chain[0]].(map[string]map[string]float64); ok {
			if v, ok := step[chain[1]][chain[2]]; ok {
				found[strings.Join(chain, ".")] = v
			}
		}
	}
	return found
}

// present follows a chain of names through the metrics as far as they are maps.
func present(env map[string]any, chain []string) error {
	var at any = env
	for i, name := range chain {
		var next any
		var ok bool
		var known []string
		switch m := at.(type) {
		case map[string]any:
			next, ok = m[name]
			known = keys(m)
		case map[string]map[string]float64:
			next, ok = m[name]
			known = keys(m)
		case map[string]float64:
			next, ok = m[name]
			known = keys(m)
		default:
			return nil
		}
		if !ok {
			err := fmt.Errorf("%s has no %q", strings.Join(chain[:i], "."), name)
			if i == 0 {
				err = fmt.Errorf("there are no metrics of %q", name)
			}
			if cure := schema.DidYouMean(name, known); cure != "" {
				err = fmt.Errorf("%w (%s)", err, cure)
			}
			return err
		}
		at = next
	}
	return nil
}

// closed are builtins whose value depends on the clock, the machine or the
// order of a map: a recipe means the same everywhere.
func closed() []expr.Option {
	var opts []expr.Option
	for _, name := range []string{"now", "date", "timezone", "duration", "keys", "values", "toPairs"} {
		opts = append(opts, expr.DisableBuiltin(name))
	}
	return opts
}

// reader gathers what an expression reads: the names at its top and the chains
// of members below them.
type reader struct {
	names  []string
	chains [][]string
	local  []string // declared by let
}

// Visit is called for every node.
func (v *reader) Visit(n *ast.Node) {
	switch x := (*n).(type) {
	case *ast.IdentifierNode:
		if x.Value != "$env" {
			v.chains = append(v.chains, []string{x.Value})
		}
	case *ast.MemberNode:
		if chain := chainOf(x); chain != nil {
			v.chains = append(v.chains, chain)
		}
	case *ast.VariableDeclaratorNode:
		v.local = append(v.local, x.Name)
	}
}

// finish drops let's own names and lists the steps that are read.
func (v *reader) finish() {
	v.chains = slices.DeleteFunc(v.chains, func(c []string) bool { return slices.Contains(v.local, c[0]) })
	for _, c := range v.chains {
		if !slices.Contains(v.names, c[0]) {
			v.names = append(v.names, c[0])
		}
	}
}

// chainOf returns the names of a.b["c"], or nil when one is computed or
// optional. $env["a-b"] is the way to a name that is no identifier.
func chainOf(n ast.Node) []string {
	switch x := n.(type) {
	case *ast.IdentifierNode:
		if x.Value == "$env" {
			return []string{}
		}
		return []string{x.Value}
	case *ast.MemberNode:
		above := chainOf(x.Node)
		name, ok := x.Property.(*ast.StringNode)
		if above == nil || !ok || x.Optional {
			return nil
		}
		return append(above, name.Value)
	}
	return nil
}

// metricExpr compiles an expression of true or false that reads metrics of the
// named steps.
func (p *parser) metricExpr(n *yaml.Node, path string, steps []string) *Expr {
	if n.Kind != yaml.ScalarNode {
		p.fail(n, path, "", "want an expression, found %s", describe(n))
		return nil
	}
	tree, err := exprparser.Parse(n.Value)
	if err != nil {
		p.problems = append(p.problems, schema.ExprProblem(err, n.Value, schema.NodePos(n, p.r.File), path, steps))
		return nil
	}
	var read reader
	ast.Walk(&tree.Node, &read)
	read.finish()
	env := map[string]any{}
	for _, s := range steps {
		env[s] = map[string]map[string]float64{}
	}
	for _, name := range read.names {
		if !slices.Contains(steps, name) {
			p.fail(n, path, p.notMeasuring(name, steps), "expression %q reads %q, which is no measuring step", n.Value, name)
			return nil
		}
	}
	prog, err := expr.Compile(n.Value, append(closed(), expr.Env(env), expr.AsBool())...)
	if err != nil {
		p.problems = append(p.problems, schema.ExprProblem(err, n.Value, schema.NodePos(n, p.r.File), path, steps))
		return nil
	}
	return &Expr{src: n.Value, prog: prog, uses: read.names, reads: read.chains}
}

// knownMetrics holds what an expression reads to what its steps measure, as far
// as their ops tell and their own params are right.
func (p *parser) knownMetrics(e *Expr, n *yaml.Node, path string) {
	for _, chain := range e.reads {
		i := slices.IndexFunc(p.r.Steps, func(s Step) bool { return s.Name == chain[0] })
		if i < 0 || len(chain) < 2 || len(chain) > 3 || p.faulty(p.r.Steps[i].Name) {
			continue
		}
		s := &p.r.Steps[i]
		metrics, models := p.cat.Metrics(s.Op)
		if len(metrics) == 0 {
			continue
		}
		for _, in := range s.Inputs {
			models = append(models, in.Name)
		}
		switch known := slices.Contains(models, chain[1]); {
		case !known && len(chain) == 2:
			p.fail(n, path, schema.DidYouMean(chain[1], models), "step %s measures no model %q", s.Name, chain[1])
		case known && len(chain) == 3 && !slices.ContainsFunc(metrics, func(m string) bool { return fits(chain[2], m) }):
			p.fail(n, path, cmp.Or(schema.Meant(chain[2], metrics), "roux ops "+s.Op+" tells its metrics"), "step %s (%s) has no metric %q", s.Name, s.Op, chain[2])
		}
	}
}

// fits says whether a name is that of a metric, whose * stands for any end.
func fits(name, metric string) bool {
	begin, open := strings.CutSuffix(metric, "*")
	return name == metric || open && strings.HasPrefix(name, begin)
}

// faulty says whether something of a step is wrong.
func (p *parser) faulty(step string) bool {
	return slices.ContainsFunc(p.problems, func(x schema.Problem) bool {
		return x.Path == "steps."+step || strings.HasPrefix(x.Path, "steps."+step+".")
	})
}

// notMeasuring is the cure for a name that no measuring step has.
func (p *parser) notMeasuring(name string, steps []string) string {
	for _, s := range append(p.variants[name], steps...) {
		if strings.HasPrefix(s, name+"-") && slices.Contains(steps, s) {
			return fmt.Sprintf("a name with a dash is written $env[%q]", s)
		}
	}
	if len(steps) == 0 {
		return "add a step with an evaluate op"
	}
	return schema.DidYouMean(name, steps)
}

func keys[V any](m map[string]V) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
