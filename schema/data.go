package schema

import (
	"reflect"

	"gopkg.in/yaml.v3"
)

// DataRef names an entry of a recipe's data.
type DataRef struct {
	Name string
	Pos  Pos
}

// DecodeYAML reads a name.
func (r *DataRef) DecodeYAML(n *yaml.Node, file, path string) Problems {
	r.Pos = posOf(n, file)
	if n.Kind != yaml.ScalarNode || n.Value == "" {
		return Problems{{Pos: r.Pos, Path: path, Msg: "want the name of an entry of data, found " + describe(n), Cure: "write data: {NAME: {text: PATH}} at the top and NAME here"}}
	}
	r.Name = n.Value
	return nil
}

// TypeName is what help calls the type.
func (DataRef) TypeName() string { return "data" }

// JSONSchema describes the YAML form.
func (DataRef) JSONSchema() map[string]any {
	return map[string]any{"type": "string", "description": "name of an entry of data"}
}

var dataType = reflect.TypeFor[DataRef]()

// DataRefs returns pointers to the set DataRefs in params, a pointer to a
// struct, in field order.
func DataRefs(params any) []*DataRef {
	var refs []*DataRef
	walkFields(reflect.ValueOf(params), "", func(v reflect.Value, _ reflect.StructTag) bool {
		if v.Type() != dataType {
			return true
		}
		if ref := v.Addr().Interface().(*DataRef); ref.Name != "" {
			refs = append(refs, ref)
		}
		return false
	})
	return refs
}
