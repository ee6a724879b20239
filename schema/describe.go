package schema

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Describer is a field type that describes its own YAML form.
type Describer interface {
	TypeName() string
	JSONSchema() map[string]any
}

// JSONSchema returns the draft 2020-12 schema of a params struct.
func JSONSchema(params any) map[string]any {
	return structSchema(reflect.TypeOf(params).Elem())
}

func structSchema(t reflect.Type) map[string]any {
	props, required := map[string]any{}, []any{}
	for _, f := range fieldsOf(reflect.New(t).Elem()) {
		s := typeSchema(f.value.Type())
		f.limits(s)
		if f.doc != "" {
			s["description"] = f.doc
		}
		if f.hasDef {
			s["default"] = f.def
		}
		props[f.name] = s
		if f.required {
			required = append(required, f.name)
		}
	}
	out := map[string]any{"type": "object", "properties": props, "additionalProperties": false}
	if len(required) > 0 {
		out["required"] = required
	}
	if s, ok := reflect.New(t).Interface().(Shorthand); ok {
		return map[string]any{"anyOf": []any{map[string]any{"type": "string", "description": s.FromScalar()}, out}}
	}
	return out
}

// limits adds ranges and choices to a field's schema.
func (f field) limits(s map[string]any) {
	if f.enum != nil {
		list := make([]any, len(f.enum))
		for i, e := range f.enum {
			list[i] = e
			if n, err := strconv.Atoi(e); err == nil && s["type"] == "integer" {
				list[i] = n
			}
		}
		s["enum"] = list
	}
	if f.min != nil {
		s["minItems"] = *f.min
	}
	f.bound(s)
}

// bound says the range wherever a number may stand: alone, in a list, or as the
// value of a case.
func (f field) bound(s map[string]any) {
	names := map[string]string{">": "exclusiveMinimum", ">=": "minimum", "<": "exclusiveMaximum", "<=": "maximum"}
	types, _ := s["type"].([]any)
	for _, b := range f.bounds {
		if s["type"] == "integer" || slices.Contains(types, "number") {
			s[names[b.op]] = b.v
		}
	}
	forms, _ := s["anyOf"].([]any)
	for _, form := range append(forms, s["items"], within(s, "value")) {
		if form, ok := form.(map[string]any); ok {
			f.bound(form)
		}
	}
}

// within is the schema of a property, or nil.
func within(s map[string]any, name string) any {
	props, _ := s["properties"].(map[string]any)
	return props[name]
}

func typeSchema(t reflect.Type) map[string]any {
	if t.Kind() == reflect.Pointer {
		return typeSchema(t.Elem())
	}
	if d, ok := reflect.New(t).Interface().(Describer); ok {
		return d.JSONSchema()
	}
	switch t.Kind() {
	case reflect.Struct:
		return structSchema(t)
	case reflect.Slice:
		return map[string]any{"type": "array", "items": typeSchema(t.Elem())}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": typeSchema(t.Elem())}
	case reflect.Bool:
		return map[string]any{"type": []any{"boolean", "number"}}
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Float32, reflect.Float64:
		return map[string]any{"type": []any{"number", "string"}}
	}
	return map[string]any{"type": "integer"}
}

// row is one documented key.
type row struct {
	key, kind, def, limits, doc string
	choices                     bool // limits are the words that may stand
}

func rowsOf(t reflect.Type, prefix string) []row {
	var rows []row
	for _, f := range fieldsOf(reflect.New(t).Elem()) {
		ft := f.value.Type()
		r := row{key: prefix + f.name, kind: typeName(ft), doc: f.doc, limits: f.limitText(), choices: f.enum != nil}
		switch {
		case f.hasDef:
			r.def = f.def
		case f.previous:
			r.def = "the previous step, or the only model"
		case f.required:
			r.def = "required"
		}
		rows = append(rows, r)
		for ft.Kind() == reflect.Pointer {
			ft = ft.Elem()
		}
		if ft.Kind() == reflect.Slice && ft.Elem().Kind() == reflect.Struct && typeName(ft.Elem()) == "mapping" {
			rows = append(rows, rowsOf(ft.Elem(), prefix+f.name+"[].")...)
		}
	}
	return rows
}

func (f field) limitText() string {
	switch {
	case f.enum != nil:
		return strings.Join(f.enum, ", ")
	case f.bounds != nil:
		return f.rangeText()
	case f.min != nil:
		return fmt.Sprintf("at least %d", *f.min)
	}
	return ""
}

// facts are a key's type or choices, its range, and what it is when left out.
func (r row) facts() []string {
	facts := []string{r.kind}
	switch {
	case r.choices:
		facts[0] = "one of " + r.limits
	case r.limits != "":
		facts = append(facts, r.limits)
	}
	switch r.def {
	case "":
		return append(facts, "optional")
	case "required":
		return append(facts, r.def)
	}
	return append(facts, "default "+r.def)
}

// Help returns the keys of params as text for a terminal.
func Help(params any) string {
	var b strings.Builder
	for _, r := range rowsOf(reflect.TypeOf(params).Elem(), "") {
		fmt.Fprintf(&b, "  %s: %s\n      %s\n", r.key, strings.Join(r.facts(), "; "), r.doc)
	}
	return b.String()
}

// Markdown returns the keys of params as a table.
func Markdown(params any) string {
	var b strings.Builder
	b.WriteString("| key | type | default | range | meaning |\n|---|---|---|---|---|\n")
	for _, r := range rowsOf(reflect.TypeOf(params).Elem(), "") {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", r.key, r.kind, r.def, r.limits, r.doc)
	}
	return b.String()
}
