package chat

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nikolalohinski/gonja/v2/builtins"
	"github.com/nikolalohinski/gonja/v2/exec"
	"github.com/nikolalohinski/gonja/v2/nodes"
	"github.com/nikolalohinski/gonja/v2/parser"
	"github.com/nikolalohinski/gonja/v2/tokens"
)

// What templates may use of gonja; files and other templates are out of reach,
// and so are batch and slice, which make lists of any length of a number.
var (
	filters = strings.Fields("abs attr capitalize count d default dictsort e escape first float groupby int items items last length list lower map max min reject rejectattr reverse round safe select selectattr sort string sum title unique upper wordcount")
	blocks  = strings.Fields("if for set macro call filter break continue raw with do")
	methods = strings.Fields("capitalize count endswith find index isalnum isalpha isascii isdecimal isdigit islower isnumeric isspace istitle isupper lower lstrip removeprefix removesuffix rfind rindex rsplit rstrip split splitlines startswith strip swapcase title upper")
)

func (r *render) environment() *exec.Environment {
	return &exec.Environment{
		Context: exec.NewContext(r.globals()), Filters: exec.NewFilterSet(r.filters()), Tests: r.tests(),
		ControlStructures: exec.NewControlStructureSet(r.blocks()), Methods: r.methods(),
	}
}

func (r *render) filters() map[string]exec.FilterFunction {
	out := map[string]exec.FilterFunction{"tojson": r.tojson, "join": join, "replace": replaceFilter, "indent": indent, "trim": trim, filterPrinted: printed, filterOperand: operand, filterLooped: r.looped}
	for _, name := range filters {
		if f, ok := builtins.Filters.Get(name); ok {
			out[name] = f
		}
	}
	for _, name := range strings.Fields("trim replace indent upper lower title capitalize string length count join first last") {
		out[name] = strictly(out[name])
	}
	return out
}

func (r *render) tests() *exec.TestSet {
	out := exec.NewTestSet(map[string]exec.TestFunction{}).Update(builtins.Tests)
	_ = out.Replace("defined", defined)
	_ = out.Replace("undefined", undefined)
	return out
}

func (r *render) methods() exec.Methods {
	str := map[string]exec.Method[string]{
		"replace": func(s string, _ *exec.Value, p *exec.VarArgs) (any, error) { return replace(s, p) },
		"join": func(s string, _ *exec.Value, p *exec.VarArgs) (any, error) {
			return joined(p.First(), s)
		},
	}
	for _, name := range methods {
		if m, ok := builtins.Methods.Str.Get(name); ok {
			str[name] = m
		}
	}
	dict := map[string]exec.Method[map[string]any]{
		"keys":   r.dictMethod(func(e entry) any { return e.key }),
		"values": r.dictMethod(func(e entry) any { return e.value }),
		"items":  r.dictMethod(func(e entry) any { return []any{e.key, e.value} }),
	}
	dict["get"] = r.get
	out := builtins.Methods
	out.Str, out.Dict = exec.NewMethodSet(str), exec.NewMethodSet(dict)
	out.List = exec.NewMethodSet(map[string]exec.Method[[]any]{}) // values are not changed, as in transformers
	return out
}

// dictMethod lists something of each entry, in order.
func (r *render) dictMethod(f func(entry) any) exec.Method[map[string]any] {
	return func(self map[string]any, v *exec.Value, _ *exec.VarArgs) (any, error) {
		entries, ok := r.entries(v.Interface())
		if !ok {
			entries, _ = r.entries(self)
		}
		out := []any{}
		for _, e := range entries {
			out = append(out, f(e))
		}
		return out, nil
	}
}

func (r *render) globals() map[string]any {
	return map[string]any{
		"raise_exception": func(_ *exec.Evaluator, p *exec.VarArgs) (any, error) {
			return nil, &raised{errMark + p.First().String()}
		},
		"strftime_now": func(_ *exec.Evaluator, p *exec.VarArgs) (any, error) {
			return strftime(p.First().String(), r.in.Now)
		},
		"namespace": func(_ *exec.Evaluator, p *exec.VarArgs) (any, error) {
			out := map[string]any{}
			for name, v := range p.KwArgs {
				if strings.HasPrefix(name, "_") {
					return nil, fmt.Errorf("a namespace cannot hold %q: names with _ in front are not allowed", name)
				}
				out[name] = v.Interface()
			}
			return out, nil
		},
		"dict": func(_ *exec.Evaluator, p *exec.VarArgs) (any, error) {
			out := map[string]any{}
			for name, v := range p.KwArgs {
				out[name] = v.Interface()
			}
			return out, nil
		},
		"range": rangeOf,
	}
}

// rangeOf is Python's range as a list of bounded length.
func rangeOf(_ *exec.Evaluator, p *exec.VarArgs) (any, error) {
	var start, stop int
	step := 1
	for _, a := range p.Args {
		if !a.IsInteger() {
			return nil, errors.New("range takes whole numbers")
		}
	}
	switch len(p.Args) {
	case 1:
		stop = p.Args[0].Integer()
	case 2, 3:
		start, stop = p.Args[0].Integer(), p.Args[1].Integer()
		if len(p.Args) == 3 {
			step = p.Args[2].Integer()
		}
	default:
		return nil, errors.New("range takes one to three numbers")
	}
	if step == 0 {
		return nil, errors.New("the step of a range cannot be 0")
	}
	out := []any{}
	for i := start; (step > 0 && i < stop) || (step < 0 && i > stop); i += step {
		if len(out) >= maxRange {
			return nil, fmt.Errorf("a range has more than %d numbers", maxRange)
		}
		out = append(out, i)
	}
	return out, nil
}

func (r *render) blocks() map[string]parser.ControlStructureParser {
	out := map[string]parser.ControlStructureParser{"generation": r.bound(generation)}
	for _, name := range blocks {
		if p, ok := builtins.ControlStructures.Get(name); ok {
			out[name] = r.bound(p)
		}
	}
	return out
}

// bound makes each block of a kind look at the clock and at what it leaves.
func (r *render) bound(parse parser.ControlStructureParser) parser.ControlStructureParser {
	return func(p, args *parser.Parser) (nodes.ControlStructure, error) {
		inner, err := parse(p, args)
		if err != nil {
			return nil, err
		}
		if c, ok := inner.(exec.ControlStructure); ok {
			return &bounded{c, r}, nil
		}
		return inner, nil
	}
}

type bounded struct {
	exec.ControlStructure
	r *render
}

// Execute runs the block.
func (b *bounded) Execute(x *exec.Renderer, tag *nodes.ControlStructureBlock) error {
	if time.Now().After(b.r.end) {
		return errTime
	}
	if err := b.ControlStructure.Execute(x, tag); err != nil {
		return err
	}
	return b.r.check(x.Environment.Context)
}

// generation is the tag that transformers adds to mark what the model wrote.
// Its body is written as it is.
func generation(p, args *parser.Parser) (nodes.ControlStructure, error) {
	if !args.End() {
		return nil, args.Error("generation takes no arguments", nil)
	}
	g := &marked{at: p.Current()}
	body, end, err := p.WrapUntil("endgeneration")
	if err == nil && !end.End() {
		err = end.Error("endgeneration takes no arguments", nil)
	}
	g.body = body
	return g, err
}

type marked struct {
	at   *tokens.Token
	body *nodes.Wrapper
}

// Position is where the tag stands.
func (g *marked) Position() *tokens.Token { return g.at }

// String names the tag.
func (g *marked) String() string { return "generation" }

// Execute writes the body.
func (g *marked) Execute(r *exec.Renderer, _ *nodes.ControlStructureBlock) error {
	return r.ExecuteIfWrapper(g.body)
}
