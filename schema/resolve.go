package schema

import (
	"encoding/binary"
	"fmt"
	"iter"
	"math"
	"reflect"
)

// Resolver gives the params of one step for many tensors. Tensors for which all
// curves say the same share one copy, so that what is made of params can be made
// once for each. It is not for several goroutines at once.
type Resolver struct {
	params any
	curves []*Curve // that vary
	tags   []reflect.StructTag
	seen   map[string]any // resolved params by the bits of their curves
}

// NewResolver finds the curves of params.
func NewResolver(params any) *Resolver {
	r := &Resolver{params: params, seen: map[string]any{}}
	eachCurve(params, func(c *Curve, tag reflect.StructTag) {
		if !c.Constant() {
			r.curves, r.tags = append(r.curves, c), append(r.tags, tag)
		}
	})
	return r
}

// Resolve returns params with every Curve as the number that holds for one
// tensor: params itself when all are constant, else a deep copy, to be left as
// it is. A Curve none of whose cases is for the tensor takes its default, or is
// an error.
func (r *Resolver) Resolve(e Env) (any, error) {
	if len(r.curves) == 0 {
		return r.params, nil
	}
	settled := make([]Curve, len(r.curves))
	var id []byte
	for i, c := range r.curves {
		settled[i] = *c
		if err := settle(&settled[i], r.tags[i], e); err != nil {
			return nil, err
		}
		id = binary.LittleEndian.AppendUint64(id, math.Float64bits(settled[i].value))
	}
	if params, ok := r.seen[string(id)]; ok {
		return params, nil
	}
	out := deepCopy(reflect.ValueOf(r.params)).Interface()
	next := 0
	eachCurve(out, func(c *Curve, _ reflect.StructTag) {
		if !c.Constant() {
			*c = settled[next]
			next++
		}
	})
	r.seen[string(id)] = out
	return out, nil
}

// Resolve is a Resolver's for a single tensor.
func Resolve(params any, e Env) (any, error) { return NewResolver(params).Resolve(e) }

func settle(c *Curve, tag reflect.StructTag, e Env) error {
	if !c.set {
		return nil
	}
	v, err := c.resolve(e)
	if err != nil {
		return err
	}
	name := parseTag(tag).name
	if !v.set {
		if d, ok := asNumber(scalarNode(tag.Get("default"))); ok {
			v = Number(d)
		} else {
			return fmt.Errorf("no case of %s is for tensor %s (add a last case without where)", name, e.Name)
		}
	}
	if err := parseTag(tag).inRange(v.value); err != nil {
		return fmt.Errorf("%s for tensor %s: %w", name, e.Name, err)
	}
	*c = v
	return nil
}

func eachCurve(params any, f func(*Curve, reflect.StructTag)) {
	walkFields(reflect.ValueOf(params), "", func(v reflect.Value, tag reflect.StructTag) bool {
		if v.Type() == curveType {
			f(v.Addr().Interface().(*Curve), tag)
			return false
		}
		return true
	})
}

// deepCopy copies pointers, slices and structs of params; Curves are values.
func deepCopy(v reflect.Value) reflect.Value {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return v
		}
		p := reflect.New(v.Type().Elem())
		p.Elem().Set(deepCopy(v.Elem()))
		return p
	case reflect.Slice:
		if v.IsNil() {
			return v
		}
		s := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			s.Index(i).Set(deepCopy(v.Index(i)))
		}
		return s
	case reflect.Struct:
		s := reflect.New(v.Type()).Elem()
		s.Set(v)
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() && v.Type() != curveType {
				s.Field(i).Set(deepCopy(v.Field(i)))
			}
		}
		return s
	}
	return v
}

// Unmatched reports the {where, value} cases that are for none of the tensors:
// most likely a misspelt filter.
func Unmatched(params any, tensors iter.Seq[Env]) []Problem {
	var open []curveCase
	eachCurve(params, func(c *Curve, _ reflect.StructTag) {
		for _, one := range c.cases {
			if one.where != nil {
				open = append(open, one)
			}
		}
	})
	if len(open) == 0 {
		return nil
	}
	for e := range tensors {
		kept := open[:0]
		for _, one := range open {
			if yes, err := one.where.Match(e); err != nil || !yes {
				kept = append(kept, one)
			}
		}
		if open = kept; len(open) == 0 {
			return nil
		}
	}
	var problems []Problem
	for _, one := range open {
		problems = append(problems, Problem{Pos: one.pos, Msg: fmt.Sprintf("where %s matches no tensor of the step", one.where), Cure: "mend it, or say allow_empty: true"})
	}
	return problems
}
