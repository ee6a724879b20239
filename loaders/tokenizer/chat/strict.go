package chat

import (
	"errors"
	"fmt"

	"github.com/nikolalohinski/gonja/v2/exec"
)

// What gonja makes text of in silence, and Jinja does not, or otherwise: lists
// and dictionaries, none, and what is not defined. Here it is an error.

var (
	errPrinted = errors.New("a list or a dictionary is used as text, such as content in parts by a template that knows only text: use tojson in the template, or give the content as a text")
	errNone    = errors.New("none is used as text, such as the content of a message that is null: leave the key out, or give it an empty text")
	errLooped  = errors.New("for goes through none, such as tools or documents that are not there")
	errMissing = errors.New("none or something that is not defined, such as a message without content, is an operand of +")
)

// list and object are what JSON holds. Their text begins with a mark, a character
// that is none, so that it is known where it is written: gonja makes such text
// also where nobody sees it.
type (
	list   []any
	object map[string]any
)

const mark = "\U0010FFFE"

// String is a text that must not be written.
func (l list) String() string { return mark + fmt.Sprint([]any(l)) }

// String is a text that must not be written.
func (o object) String() string { return mark + fmt.Sprint(map[string]any(o)) }

// null is JSON's null: nothing to gonja, and yet not something undefined.
type null struct{}

var none *null

func isNone(v *exec.Value) bool {
	if !v.Val.IsValid() || !v.Val.CanInterface() {
		return false
	}
	_, ok := v.Interface().(*null)
	return ok
}

// printed is put behind what is printed and behind the operands of ~.
func printed(_ *exec.Evaluator, in *exec.Value, _ *exec.VarArgs) *exec.Value {
	if !in.IsError() && isNone(in) {
		return exec.AsValue(errNone)
	}
	return in
}

// operand is put behind the operands of +.
func operand(_ *exec.Evaluator, in *exec.Value, _ *exec.VarArgs) *exec.Value {
	if !in.IsError() && in.IsNil() {
		return exec.AsValue(errMissing)
	}
	return in
}

// strictly is a filter of texts that takes no none.
func strictly(f exec.FilterFunction) exec.FilterFunction {
	return func(e *exec.Evaluator, in *exec.Value, p *exec.VarArgs) *exec.Value {
		if !in.IsError() && isNone(in) {
			return exec.AsValue(errNone)
		}
		return f(e, in, p)
	}
}

// looped is put behind what for goes through. The keys of a dictionary come in
// their order.
func (r *render) looped(_ *exec.Evaluator, in *exec.Value, _ *exec.VarArgs) *exec.Value {
	switch {
	case in.IsError():
		return in
	case isNone(in):
		return exec.AsValue(errLooped)
	}
	entries, ok := r.entries(in)
	if !ok {
		return in
	}
	keys := []any{}
	for _, e := range entries {
		keys = append(keys, e.key)
	}
	return exec.AsValue(keys)
}

// defined says whether a value is; none is.
func defined(_ *exec.Context, in *exec.Value, _ *exec.VarArgs) (bool, error) {
	return !in.IsError() && (!in.IsNil() || isNone(in)), nil
}

func undefined(c *exec.Context, in *exec.Value, p *exec.VarArgs) (bool, error) {
	ok, err := defined(c, in, p)
	return !ok, err
}

// get is a dictionary's: the value as it is, with its order.
func (r *render) get(self map[string]any, v *exec.Value, p *exec.VarArgs) (any, error) {
	if len(p.Args) == 0 || len(p.Args) > 2 {
		return nil, fmt.Errorf("get takes a key and what to take without it")
	}
	entries, ok := r.entries(v.Interface())
	if !ok {
		entries, _ = r.entries(self)
	}
	for _, e := range entries {
		if e.key == p.Args[0].String() {
			return e.value, nil
		}
	}
	if len(p.Args) == 2 {
		return p.Args[1].Interface(), nil
	}
	return none, nil
}
