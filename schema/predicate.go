package schema

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"
)

// Env is what `where` and curves see of a tensor.
type Env struct {
	Name              string
	Layer             int // -1 outside the layers
	Layers            int
	Kind              string
	DType             string // as recipes name it: "bfloat16"
	Rows, Cols, Numel int
}

// Depth is layer/(layers-1): 0 in the first layer, 1 in the last; 0 outside.
func (e Env) Depth() float64 {
	if e.Layers <= 1 || e.Layer < 0 {
		return 0
	}
	return float64(e.Layer) / float64(e.Layers-1)
}

// gradient is where the tensor stands in mergekit's gradients: Depth, but 1 in
// a model of one layer.
func (e Env) gradient() float64 {
	if e.Layers == 1 && e.Layer == 0 {
		return 1
	}
	return e.Depth()
}

func (e Env) vars() map[string]any {
	return map[string]any{"name": e.Name, "layer": e.Layer, "layers": e.Layers, "depth": e.Depth(), "kind": e.Kind,
		"dtype": e.DType, "rows": e.Rows, "cols": e.Cols, "numel": e.Numel}
}

// Names lists the variables of tensor expressions.
func (Env) Names() []string {
	return []string{"cols", "depth", "dtype", "kind", "layer", "layers", "name", "numel", "rows"}
}

// Predicate is a compiled `where`: which tensors a step is about.
type Predicate struct {
	src  string
	prog *vm.Program
}

// String returns the source.
func (p Predicate) String() string { return p.src }

// CompilePredicate checks that the source is an expression of true or false
// over the variables of Env.
func CompilePredicate(src string, pos Pos, path string) (Predicate, Problems) {
	prog, problems := compile(src, pos, path, expr.AsBool())
	return Predicate{src, prog}, problems
}

// Match says whether the tensor is meant.
func (p Predicate) Match(e Env) (bool, error) {
	v, err := expr.Run(p.prog, e.vars())
	if err != nil {
		return false, fmt.Errorf("where %s: %w", p.src, err)
	}
	return v.(bool), nil
}

// maxExpr bounds the source of an expression.
const maxExpr = 16 << 10

func compile(src string, pos Pos, path string, opts ...expr.Option) (*vm.Program, Problems) {
	if len(src) > maxExpr {
		return nil, Problems{{Pos: pos, Path: path, Msg: "expression is longer than 16 KiB"}}
	}
	spelled := &dtypes{}
	opts = append(opts, expr.Patch(spelled), expr.Env(Env{}.vars()), expr.Function("renumber", renumberFunc, new(func(string, int) string)), expr.Function("fail", failFunc, new(func(string) float64)))
	prog, err := expr.Compile(src, opts...)
	if err == nil {
		err = spelled.err
	}
	if err != nil {
		return nil, Problems{ExprProblem(err, src, pos, path, Env{}.Names())}
	}
	return prog, nil
}

var unknownName = Pattern(`unknown name (\w+)`)

// ExprProblem turns a compiler's error into a Problem with a suggestion for
// misspelt names.
func ExprProblem(err error, src string, pos Pos, path string, names []string) Problem {
	msg, cure := err.Error(), ""
	var fe *file.Error
	if errors.As(err, &fe) {
		msg = fe.Message
	}
	msg, _, _ = strings.Cut(msg, "\n")
	if m := unknownName().FindStringSubmatch(msg); m != nil {
		cure = DidYouMean(m[1], names)
	}
	var dtype *unknownDType
	if errors.As(err, &dtype) {
		cure = dtype.cure()
	}
	return Problem{Pos: pos, Path: path, Msg: fmt.Sprintf("expression %q: %s", src, msg), Cure: cure}
}

func renumberFunc(args ...any) (any, error) {
	return renumber(args[0].(string), args[1].(int)), nil
}

// failure is what the author of an expression says of a case that must not
// come up.
type failure string

// Error is the author's text.
func (f failure) Error() string { return string(f) }

func failFunc(args ...any) (any, error) { return nil, failure(args[0].(string)) }

// renumber returns the name with its first numeric component replaced.
func renumber(name string, layer int) string {
	parts := strings.Split(name, ".")
	i := slices.IndexFunc(parts, func(s string) bool { _, err := strconv.Atoi(s); return err == nil })
	if i < 0 {
		return name
	}
	parts[i] = strconv.Itoa(layer)
	return strings.Join(parts, ".")
}
