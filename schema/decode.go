package schema

import (
	"cmp"
	"fmt"
	"reflect"
	"strconv"

	"gopkg.in/yaml.v3"
)

// Decoder is a field type that reads its own YAML.
type Decoder interface {
	DecodeYAML(n *yaml.Node, file, path string) Problems
}

// Shorthand is a struct that may also be written as one scalar, so that
// `models: [a, b]` equals `models: [{model: a}, {model: b}]`. FromScalar names
// the field that the scalar stands for.
type Shorthand interface{ FromScalar() string }

// maxDepth bounds how deep a document may nest.
const maxDepth = 64

// Decode fills into, a pointer to a struct, from a mapping node: defaults
// first, then the node's keys. It returns every problem, not the first.
//
// Tags: `yaml:"key"`; `check:"..."`, a comma list of optional, 0..1, >0, <=1,
// min=1 (of a list) and enum=a|b; `default:"..."`; `doc:"..."`; `previous:""`
// on a Ref that stands for the step before when it is left out. A field
// without default, `optional` or `previous` is required.
func Decode(n *yaml.Node, file, path string, into any) Problems {
	d := decoder{file: file}
	return d.structure(deref(n), path, reflect.ValueOf(into).Elem(), 0)
}

type decoder struct{ file string }

func (d decoder) fail(n *yaml.Node, path, cure, format string, args ...any) Problems {
	return Problems{{Pos: posOf(n, d.file), Path: path, Msg: fmt.Sprintf(format, args...), Cure: cure}}
}

// field is a struct field with its rules.
type field struct {
	rules
	value reflect.Value
}

// fieldsOf lists the fields of a struct, those of inlined structs among them.
func fieldsOf(v reflect.Value) []field {
	var fields []field
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if !f.IsExported() {
			continue
		}
		r := parseTag(f.Tag)
		if r.inline {
			fields = append(fields, fieldsOf(v.Field(i))...)
		} else if r.name != "" && r.name != "-" {
			fields = append(fields, field{r, v.Field(i)})
		}
	}
	return fields
}

func (d decoder) structure(n *yaml.Node, path string, v reflect.Value, depth int) Problems {
	if depth > maxDepth {
		return d.fail(n, path, "", "nests too deeply")
	}
	if s, ok := v.Addr().Interface().(Shorthand); ok && n.Kind == yaml.ScalarNode {
		key := s.FromScalar()
		n = &yaml.Node{Kind: yaml.MappingNode, Line: n.Line, Column: n.Column, Content: []*yaml.Node{{Kind: yaml.ScalarNode, Value: key, Line: n.Line, Column: n.Column}, n}}
	}
	if n.Kind != yaml.MappingNode {
		return d.fail(n, path, "", "want a mapping, found %s", describe(n))
	}
	fields := fieldsOf(v)
	ps, problems := Pairs(n, d.file, path)
	given := map[string]bool{}
	for _, p := range ps {
		f := find(fields, p.Key.Value)
		if f == nil {
			problems = append(problems, d.unknown(p.Key, path, fields)...)
			continue
		}
		if p.Value.Tag == "!!null" && p.Value.Kind == yaml.ScalarNode {
			continue // null is the same as leaving the key out
		}
		given[f.name] = true
		problems = append(problems, d.value(p.Value, join(path, f.name), f.rules, f.value, depth+1)...)
	}
	return append(problems, d.absent(n, path, fields, given)...)
}

func find(fields []field, name string) *field {
	for i := range fields {
		if fields[i].name == name {
			return &fields[i]
		}
	}
	return nil
}

func (d decoder) unknown(key *yaml.Node, path string, fields []field) Problems {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	return d.fail(key, path, DidYouMean(key.Value, names), "unknown key %q", key.Value)
}

// absent applies defaults and reports what is required and missing.
func (d decoder) absent(n *yaml.Node, path string, fields []field, given map[string]bool) Problems {
	var problems Problems
	for _, f := range fields {
		switch {
		case given[f.name]:
		case f.hasDef:
			problems = append(problems, d.value(scalarNode(f.def), join(path, f.name), f.rules, f.value, 0)...)
		case f.required:
			problems = append(problems, d.fail(n, path, f.doc, "missing key %q", f.name)...)
		}
	}
	return problems
}

// value decodes one value of any type and checks it.
func (d decoder) value(n *yaml.Node, path string, r rules, v reflect.Value, depth int) Problems {
	n = deref(n)
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		return d.value(n, path, r, v.Elem(), depth)
	}
	if dec, ok := v.Addr().Interface().(Decoder); ok {
		problems := dec.DecodeYAML(n, d.file, path)
		if problems == nil {
			problems = d.checkCurve(n, path, r, v)
		}
		return problems
	}
	switch v.Kind() {
	case reflect.Struct:
		return d.structure(n, path, v, depth)
	case reflect.Slice:
		return d.list(n, path, r, v, depth)
	case reflect.Map:
		return d.mapping(n, path, r, v, depth)
	}
	return d.scalar(n, path, r, v)
}

func (d decoder) checkCurve(n *yaml.Node, path string, r rules, v reflect.Value) Problems {
	if v.Type() != curveType {
		return nil
	}
	var problems Problems
	for _, literal := range literals(n) {
		if x, ok := asNumber(literal); ok {
			if err := r.inRange(x); err != nil {
				problems = append(problems, d.fail(literal, path, "", "%v", err)...)
			}
		}
	}
	return problems
}

func (d decoder) list(n *yaml.Node, path string, r rules, v reflect.Value, depth int) Problems {
	if n.Kind != yaml.SequenceNode {
		return d.fail(n, path, "", "want a list, found %s", describe(n))
	}
	if depth > maxDepth {
		return d.fail(n, path, "", "nests too deeply")
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	var problems Problems
	for i, item := range n.Content {
		problems = append(problems, d.value(item, fmt.Sprintf("%s[%d]", path, i), rules{enum: r.enum, bounds: r.bounds}, v.Index(i), depth+1)...)
	}
	if r.min != nil && len(n.Content) < *r.min {
		problems = append(problems, d.fail(n, path, "", "want at least %d, found %d", *r.min, len(n.Content))...)
	}
	return problems
}

func (d decoder) mapping(n *yaml.Node, path string, r rules, v reflect.Value, depth int) Problems {
	if n.Kind != yaml.MappingNode {
		return d.fail(n, path, "", "want a mapping, found %s", describe(n))
	}
	ps, problems := Pairs(n, d.file, path)
	v.Set(reflect.MakeMap(v.Type()))
	for _, p := range ps {
		item := reflect.New(v.Type().Elem()).Elem()
		problems = append(problems, d.value(p.Value, join(path, p.Key.Value), rules{}, item, depth+1)...)
		v.SetMapIndex(reflect.ValueOf(p.Key.Value), item)
	}
	return problems
}

func (d decoder) scalar(n *yaml.Node, path string, r rules, v reflect.Value) Problems {
	if n.Kind != yaml.ScalarNode {
		return d.fail(n, path, "", "want %s, found %s", typeName(v.Type()), describe(n))
	}
	var err error
	switch v.Kind() {
	case reflect.String:
		v.SetString(n.Value)
		err = r.inEnum(n.Value)
		if err != nil {
			return d.fail(n, path, Meant(n.Value, r.enum), "%v", err)
		}
		return nil
	case reflect.Bool:
		var b bool
		if b, err = asBool(n); err == nil {
			v.SetBool(b)
			return nil
		}
	default:
		if _, boolean := BoolWord(n); boolean {
			return Problems{notANumber(n, d.file, path)}
		}
		err = d.number(n, r, v)
	}
	if err != nil {
		return d.fail(n, path, "", "%v", err)
	}
	return nil
}

// asBool reads the spellings of YAML 1.1 and mergekit's numbers.
func asBool(n *yaml.Node) (bool, error) {
	if b, ok := BoolWord(n); ok {
		return b, nil
	}
	if x, ok := asNumber(n); ok && (x == 0 || x == 1) {
		return x == 1, nil
	}
	return false, fmt.Errorf("want true or false, found %s", describe(n))
}

func (d decoder) number(n *yaml.Node, r rules, v reflect.Value) error {
	want := fmt.Errorf("want %s, found %s", typeName(v.Type()), describe(n))
	switch v.Kind() {
	case reflect.Int, reflect.Int64, reflect.Int32:
		i, err := strconv.ParseInt(n.Value, 0, v.Type().Bits())
		if err != nil {
			return want
		}
		v.SetInt(i)
		return cmp.Or(r.inEnum(strconv.FormatInt(i, 10)), r.inRange(float64(i)))
	case reflect.Uint64, reflect.Uint32, reflect.Uint:
		u, err := strconv.ParseUint(n.Value, 0, v.Type().Bits())
		if err != nil {
			return want
		}
		v.SetUint(u)
		return r.inRange(float64(u))
	case reflect.Float64, reflect.Float32:
		x, ok := asNumber(n)
		if !ok {
			return want
		}
		v.SetFloat(x)
		return r.inRange(x)
	}
	return fmt.Errorf("schema: no decoding for %s", v.Type())
}

// typeName is what messages and help call a Go type.
func typeName(t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		return typeName(t.Elem())
	}
	if named, ok := reflect.New(t).Interface().(interface{ TypeName() string }); ok {
		return named.TypeName()
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Uint64, reflect.Uint32, reflect.Uint:
		return "a whole number of 0 or more"
	case reflect.Int, reflect.Int64, reflect.Int32:
		return "a whole number"
	case reflect.Float64, reflect.Float32:
		return "a number"
	case reflect.String:
		return "a word"
	case reflect.Slice:
		return "list of " + typeName(t.Elem())
	case reflect.Struct:
		return "mapping"
	}
	return t.Kind().String()
}
