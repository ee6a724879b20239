package recipes

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	exprparser "github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"
	"gopkg.in/yaml.v3"

	"github.com/rouxml/roux/schema"
)

// Expr is a compiled expression over the metrics of measuring steps.
type Expr struct {
	src  string
	prog *vm.Program
	uses []string
}

// String returns the source.
func (e *Expr) String() string { return e.src }

// Uses lists the steps whose metrics the expression reads.
func (e *Expr) Uses() []string { return e.uses }

// Eval computes the value; env maps step names to their metrics.
func (e *Expr) Eval(env map[string]any) (any, error) {
	v, err := expr.Run(e.prog, env)
	if err != nil {
		return nil, fmt.Errorf("expression %q: %w", e.src, err)
	}
	return v, nil
}

// identifiers gathers the top-level names of an expression.
type identifiers struct{ names []string }

// Visit is called for every node.
func (v *identifiers) Visit(n *ast.Node) {
	if id, ok := (*n).(*ast.IdentifierNode); ok && !slices.Contains(v.names, id.Value) {
		v.names = append(v.names, id.Value)
	}
}

// metricExpr compiles an expression that reads metrics of the named steps.
func (p *parser) metricExpr(n *yaml.Node, path string, steps []string) *Expr {
	tree, err := exprparser.Parse(n.Value)
	if err != nil {
		p.problems = append(p.problems, schema.ExprProblem(err, n.Value, schema.NodePos(n, p.r.File), path, steps))
		return nil
	}
	var ids identifiers
	ast.Walk(&tree.Node, &ids)
	env := map[string]any{}
	for _, s := range steps {
		env[s] = map[string]map[string]float64{}
	}
	for _, id := range ids.names {
		if !slices.Contains(steps, id) {
			p.fail(n, path, schema.DidYouMean(id, steps), "expression %q reads %q, which is no measuring step", n.Value, id)
			return nil
		}
	}
	prog, err := expr.Compile(n.Value, expr.Env(env), expr.AsBool())
	if err != nil {
		p.problems = append(p.problems, schema.ExprProblem(err, n.Value, schema.NodePos(n, p.r.File), path, steps))
		return nil
	}
	return &Expr{src: n.Value, prog: prog, uses: ids.names}
}

var embedded = regexp.MustCompile(`\$\{\{(.*?)\}\}`)

// interpolate returns a copy of the tree with every ${{ }} replaced by its
// value. A scalar that is one whole expression takes the value's type. Aliases
// are written out. Expressions under `matrix` names are left for later.
func (p *parser) interpolate(n *yaml.Node, env map[string]any, path string) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	c := *n
	c.Content = nil
	for _, child := range n.Content {
		c.Content = append(c.Content, p.interpolate(child, env, path))
	}
	if n.Kind != yaml.ScalarNode || !strings.Contains(n.Value, "${{") {
		return &c
	}
	if m := embedded.FindStringSubmatch(n.Value); m != nil && strings.TrimSpace(n.Value) == m[0] {
		if v, ok := p.evaluate(n, m[1], env, path); ok {
			return typed(&c, v)
		}
		return &c
	}
	c.Value = embedded.ReplaceAllStringFunc(n.Value, func(s string) string {
		v, ok := p.evaluate(n, embedded.FindStringSubmatch(s)[1], env, path)
		if !ok {
			return s
		}
		return fmt.Sprint(v)
	})
	return &c
}

// evaluate computes one embedded expression; false leaves the text as it is.
func (p *parser) evaluate(n *yaml.Node, src string, env map[string]any, path string) (any, bool) {
	if strings.Contains(src, "matrix.") && env["matrix"] == nil {
		return nil, false
	}
	prog, err := expr.Compile(src, expr.Env(env))
	var v any
	if err == nil {
		v, err = expr.Run(prog, env)
	}
	if err == nil && v == nil {
		err = fmt.Errorf("it has no value: is the name right?")
	}
	if err != nil {
		problem := schema.ExprProblem(err, strings.TrimSpace(src), schema.NodePos(n, p.r.File), path, []string{"params", "matrix"})
		if params, ok := env["params"].(map[string]any); ok && problem.Cure == "" {
			problem.Cure = schema.DidYouMean(strings.TrimPrefix(strings.TrimSpace(src), "params."), keys(params))
		}
		p.problems = append(p.problems, problem)
		return nil, false
	}
	return v, true
}

// typed makes the node say v, as if it had stood in the file.
func typed(n *yaml.Node, v any) *yaml.Node {
	var out yaml.Node
	if err := out.Encode(v); err != nil {
		n.Value = fmt.Sprint(v)
		return n
	}
	place(&out, n.Line, n.Column)
	return &out
}

func place(n *yaml.Node, line, column int) {
	n.Line, n.Column = line, column
	for _, c := range n.Content {
		place(c, line, column)
	}
}

func keys[V any](m map[string]V) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// params reads the recipe's params, with --set over them.
func (p *parser) params(n *yaml.Node) map[string]any {
	params := map[string]any{}
	if n != nil {
		if err := n.Decode(&params); err != nil {
			p.fail(n, "params", "write params as name: value", "%v", err)
		}
	}
	for _, name := range keys(p.opt.Set) {
		if _, ok := params[name]; !ok {
			p.problems = append(p.problems, schema.Problem{Pos: schema.Pos{File: p.r.File}, Path: "--set " + name, Msg: "the recipe has no such param", Cure: schema.DidYouMean(name, keys(params))})
			continue
		}
		var v any
		if err := yaml.Unmarshal([]byte(p.opt.Set[name]), &v); err != nil {
			p.problems = append(p.problems, schema.Problem{Path: "--set " + name, Msg: err.Error()})
			continue
		}
		params[name] = v
	}
	return params
}
