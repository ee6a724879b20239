package schema

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"
	"gopkg.in/yaml.v3"
)

// Curve is a number that may vary by tensor: a constant, a list interpolated
// over layers by mergekit's rule, a list of {where, value} whose first match
// wins, or an expression in depth, layer and the rest of Env.
type Curve struct {
	set   bool
	value float64
	cases []curveCase // nil for a constant
}

// curveCase is one piece of a Curve: who it is for and what it says.
type curveCase struct {
	where *Predicate // nil: everybody
	list  []float64  // a gradient, or one number
	prog  *vm.Program
	src   string
	pos   Pos
}

var curveType = reflect.TypeFor[Curve]()

// Number returns a constant Curve.
func Number(v float64) Curve { return Curve{set: true, value: v} }

// IsSet says whether the recipe or a default gave a value.
func (c Curve) IsSet() bool { return c.set }

// Constant says whether the value is the same for every tensor.
func (c Curve) Constant() bool { return c.cases == nil }

// Value returns the number of a constant or resolved Curve, and zero when it is
// not set.
func (c Curve) Value() float64 { return c.value }

// DecodeYAML reads any of the forms.
func (c *Curve) DecodeYAML(n *yaml.Node, file, path string) Problems {
	if n.Kind == yaml.ScalarNode {
		if v, ok := asNumber(n); ok {
			*c = Number(v)
			return nil
		}
	}
	cases, problems := decodeCases(n, file, path)
	if len(cases) == 1 && cases[0].where == nil && len(cases[0].list) == 1 {
		*c = Number(cases[0].list[0])
		return problems
	}
	*c = Curve{set: true, cases: cases}
	return problems
}

func decodeCases(n *yaml.Node, file, path string) ([]curveCase, Problems) {
	pos := posOf(n, file)
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		one, problems := decodePiece(n, file, path)
		return []curveCase{one}, problems
	}
	if deref(n.Content[0]).Kind != yaml.MappingNode {
		one, problems := decodePiece(n, file, path)
		return []curveCase{one}, problems
	}
	var cases []curveCase
	var problems Problems
	for i, item := range n.Content {
		one, more := decodeCase(deref(item), file, fmt.Sprintf("%s[%d]", path, i))
		cases, problems = append(cases, one), append(problems, more...)
	}
	if len(cases) > 1000 {
		problems = append(problems, Problem{Pos: pos, Path: path, Msg: "more than 1000 cases"})
	}
	return cases, problems
}

// decodeCase reads {where, value}.
func decodeCase(n *yaml.Node, file, path string) (curveCase, Problems) {
	var raw struct {
		Where string   `yaml:"where" check:"optional"`
		Value yamlNode `yaml:"value"`
	}
	problems := Decode(n, file, path, &raw)
	if problems != nil {
		return curveCase{}, problems
	}
	c, problems := decodePiece(raw.Value.node, file, path+".value")
	c.pos = posOf(n, file)
	if raw.Where != "" {
		pred, more := CompilePredicate(raw.Where, posOf(n, file), path+".where")
		c.where, problems = &pred, append(problems, more...)
	}
	return c, problems
}

// decodePiece reads a number, a gradient or an expression.
func decodePiece(n *yaml.Node, file, path string) (curveCase, Problems) {
	n = deref(n)
	pos := posOf(n, file)
	c := curveCase{pos: pos}
	if n.Kind == yaml.SequenceNode && len(n.Content) > 0 {
		for _, item := range n.Content {
			v, ok := asNumber(deref(item))
			if _, boolean := BoolWord(deref(item)); boolean {
				return c, Problems{notANumber(item, file, path)}
			}
			if !ok {
				return c, Problems{{Pos: posOf(item, file), Path: path, Msg: "want a number, found " + describe(deref(item)), Cure: "a list holds either numbers or {where, value} cases"}}
			}
			c.list = append(c.list, v)
		}
		return c, nil
	}
	if v, ok := asNumber(n); ok {
		c.list = []float64{v}
		return c, nil
	}
	if _, boolean := BoolWord(n); boolean {
		return c, Problems{notANumber(n, file, path)}
	}
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		return c, Problems{{Pos: pos, Path: path, Msg: "want a number, a list over layers, {where, value} cases or an expression, found " + describe(n)}}
	}
	prog, problems := compile(n.Value, pos, path, expr.AsFloat64())
	c.prog, c.src = prog, n.Value
	return c, problems
}

// at evaluates the piece for a tensor.
func (c curveCase) at(e Env) (float64, error) {
	if c.prog != nil {
		v, err := expr.Run(c.prog, e.vars())
		var no failure
		if errors.As(err, &no) {
			return 0, no
		}
		if err != nil {
			return 0, fmt.Errorf("expression %q: %w", c.src, err)
		}
		return v.(float64), nil
	}
	return interpolate(c.list, e.gradient()), nil
}

// interpolate is mergekit's gradient: t runs from 0 to 1 over the list.
func interpolate(v []float64, t float64) float64 {
	s := t * float64(len(v)-1)
	i0 := int(math.Trunc(s))
	i1 := min(len(v)-1, i0+1)
	f := s - float64(i0)
	return (1-f)*v[i0] + f*v[i1]
}

// resolve returns the constant for a tensor, or an unset Curve if no case is
// for it.
func (c Curve) resolve(e Env) (Curve, error) {
	if c.Constant() {
		return c, nil
	}
	for _, one := range c.cases {
		if one.where != nil {
			yes, err := one.where.Match(e)
			if err != nil {
				return Curve{}, err
			}
			if !yes {
				continue
			}
		}
		v, err := one.at(e)
		return Number(v), err
	}
	return Curve{}, nil
}

// literals lists the numbers that a curve is written with; expressions have
// none.
func literals(n *yaml.Node) (all []*yaml.Node) {
	switch n = deref(n); n.Kind {
	case yaml.ScalarNode:
		return []*yaml.Node{n}
	case yaml.SequenceNode:
		for _, item := range n.Content {
			all = append(all, literals(item)...)
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == "value" {
				all = append(all, literals(n.Content[i+1])...)
			}
		}
	}
	return all
}

// TypeName is what help calls the type.
func (Curve) TypeName() string { return "number or curve" }

// JSONSchema describes the YAML forms.
func (Curve) JSONSchema() map[string]any {
	number := func() map[string]any { return map[string]any{"type": []any{"number", "string"}} }
	list := func() map[string]any { return map[string]any{"type": "array", "minItems": 1, "items": number()} }
	piece := []any{number(), list()}
	return map[string]any{"anyOf": []any{number(), list(), map[string]any{"type": "array", "minItems": 1, "items": map[string]any{
		"type": "object", "required": []any{"value"}, "additionalProperties": false,
		"properties": map[string]any{"where": map[string]any{"type": "string"}, "value": map[string]any{"anyOf": piece}}}}}}
}

// asNumber reads numbers as mergekit's users write them: 1e-4 without a dot,
// and quoted numbers. true and false are none.
func asNumber(n *yaml.Node) (float64, bool) {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		return 0, false
	}
	v, err := strconv.ParseFloat(n.Value, 64)
	return v, err == nil && !math.IsNaN(v) && !math.IsInf(v, 0)
}

// BoolWord reads a scalar that is true or false in a spelling of YAML 1.1.
func BoolWord(n *yaml.Node) (value, ok bool) {
	if n.Kind != yaml.ScalarNode {
		return false, false
	}
	switch n.Value {
	case "true", "True", "TRUE", "yes", "on":
		return true, true
	case "false", "False", "FALSE", "no", "off":
		return false, true
	}
	return false, false
}

// notANumber reports true or false where a number goes.
func notANumber(n *yaml.Node, file, path string) Problem {
	return Problem{Pos: posOf(n, file), Path: path, Msg: "want a number, found " + deref(n).Value, Cure: "true and false are no numbers: write 1 or 0 if you mean them"}
}
