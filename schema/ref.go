package schema

import (
	"reflect"

	"gopkg.in/yaml.v3"
)

// Ref names a model or an earlier step. Refs are the edges of a recipe's graph.
type Ref struct {
	Name string
	Pos  Pos
}

// DecodeYAML reads a name.
func (r *Ref) DecodeYAML(n *yaml.Node, file, path string) Problems {
	r.Pos = posOf(n, file)
	if n.Kind != yaml.ScalarNode || n.Value == "" {
		return Problems{{Pos: r.Pos, Path: path, Msg: "want the name of a model or step, found " + describe(n)}}
	}
	r.Name = n.Value
	return nil
}

// TypeName is what help calls the type.
func (Ref) TypeName() string { return "model" }

// JSONSchema describes the YAML form.
func (Ref) JSONSchema() map[string]any {
	return map[string]any{"type": "string", "description": "name of a model or an earlier step"}
}

var refType = reflect.TypeFor[Ref]()

// Refs returns pointers to the Refs in params, a pointer to a struct, in field
// order: those that are set, and unset ones tagged `previous`, for the checker
// to fill.
func Refs(params any) []*Ref {
	var refs []*Ref
	walkFields(reflect.ValueOf(params), "", func(v reflect.Value, tag reflect.StructTag) bool {
		if v.Type() != refType {
			return true
		}
		ref := v.Addr().Interface().(*Ref)
		if _, previous := tag.Lookup("previous"); ref.Name != "" || previous {
			refs = append(refs, ref)
		}
		return false
	})
	return refs
}

// PreviousRefs returns the unset Refs tagged `previous`: they stand for the
// step before.
func PreviousRefs(params any) []*Ref {
	var unset []*Ref
	for _, r := range Refs(params) {
		if r.Name == "" {
			unset = append(unset, r)
		}
	}
	return unset
}

// walkFields visits every settable value below v, depth first in field order;
// visit says whether to go deeper. The tag is that of the nearest field.
func walkFields(v reflect.Value, tag reflect.StructTag, visit func(reflect.Value, reflect.StructTag) bool) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			walkFields(v.Elem(), tag, visit)
		}
	case reflect.Slice:
		if v.Type() == curveType {
			return
		}
		for i := range v.Len() {
			walkFields(v.Index(i), tag, visit)
		}
	case reflect.Struct:
		if !visit(v, tag) || v.Type() == curveType {
			return
		}
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				walkFields(v.Field(i), f.Tag, visit)
			}
		}
	}
}
