package schema

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// dtypeNames are the dtypes as recipes name them, each with what else it may be
// called, whatever the case and with or without torch. before it: safetensors'
// names, which `roux inspect` shows, and torch's short ones.
var dtypeNames = map[string][]string{
	"float64": {"F64", "double"}, "float32": {"F32", "float"}, "bfloat16": {"BF16"}, "float16": {"F16", "half"},
	"float8_e4m3fn": {"F8_E4M3"}, "float8_e5m2": {"F8_E5M2"},
	"int64": {"I64", "long"}, "int32": {"I32", "int"}, "int16": {"I16"}, "int8": {"I8"},
	"uint64": {"U64"}, "uint32": {"U32"}, "uint16": {"U16"}, "uint8": {"U8"}, "bool": nil,
}

// DTypeName returns the name that recipes have for a dtype, or false.
func DTypeName(s string) (string, bool) {
	s = strings.TrimPrefix(strings.ToLower(s), "torch.")
	for name, others := range dtypeNames {
		if s == name || slices.ContainsFunc(others, func(o string) bool { return strings.EqualFold(s, o) }) {
			return name, true
		}
	}
	return "", false
}

// dtypes is a pass over an expression that reads what `dtype` is compared with:
// each spelling becomes the one that Env has, and what no dtype is called is an
// error, for the comparison would be false of every tensor.
type dtypes struct{ err error }

// Visit takes one node of the expression.
func (d *dtypes) Visit(at *ast.Node) {
	n, ok := (*at).(*ast.BinaryNode)
	if !ok {
		return
	}
	left, right := isDType(n.Left), isDType(n.Right)
	switch n.Operator {
	case "==", "!=":
		if left {
			d.read(&n.Right)
		} else if right {
			d.read(&n.Left)
		}
	case "in":
		if list, isList := n.Right.(*ast.ArrayNode); left && isList {
			for i := range list.Nodes {
				d.read(&list.Nodes[i])
			}
		}
	case "startsWith", "endsWith", "contains", "matches":
		if left {
			d.part(n.Operator, n.Right)
		}
	}
}

func isDType(n ast.Node) bool {
	id, ok := n.(*ast.IdentifierNode)
	return ok && id.Value == "dtype"
}

// read replaces a spelled dtype.
func (d *dtypes) read(at *ast.Node) {
	s, ok := (*at).(*ast.StringNode)
	if !ok || d.err != nil {
		return
	}
	name, ok := DTypeName(s.Value)
	if !ok {
		d.err = &unknownDType{s.Value}
		return
	}
	ast.Patch(at, &ast.StringNode{Value: name})
}

// part checks that some dtype's name begins, ends or goes on like that.
func (d *dtypes) part(operator string, with ast.Node) {
	s, ok := with.(*ast.StringNode)
	if !ok || d.err != nil {
		return
	}
	fits := map[string]func(name, s string) bool{"startsWith": strings.HasPrefix, "endsWith": strings.HasSuffix, "contains": strings.Contains,
		"matches": func(name, s string) bool { ok, err := regexp.MatchString(s, name); return ok || err != nil }}[operator]
	for name := range dtypeNames {
		if fits(name, s.Value) {
			return
		}
	}
	d.err = fmt.Errorf("the name of no dtype %s %q: dtypes are called as in bfloat16 and float8_e4m3fn here", operator, s.Value)
}

type unknownDType struct{ name string }

// Error names what no dtype is called.
func (e *unknownDType) Error() string { return fmt.Sprintf("there is no dtype %q", e.name) }

// cure suggests the spelling that is nearest.
func (e *unknownDType) cure() string {
	var all []string
	for name, others := range dtypeNames {
		all = append(append(all, name), others...)
	}
	if s := Suggest(e.name, all); s != "" {
		return fmt.Sprintf("did you mean %q?", s)
	}
	return "known are float32, bfloat16, float16, float64, float8_e4m3fn, float8_e5m2, int64, int32, int16, int8, uint8 and bool"
}
