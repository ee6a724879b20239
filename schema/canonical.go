package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
)

// Canonical returns resolved params as JSON that depends on their meaning
// alone: keys sorted, defaults filled in, references and lists of nothing else
// left out (the engine adds the digests of what they name), curves as numbers,
// empty optionals left out.
func Canonical(params any) ([]byte, error) {
	var b bytes.Buffer
	err := canonical(&b, reflect.ValueOf(params))
	return b.Bytes(), err
}

func canonical(b *bytes.Buffer, v reflect.Value) error {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			b.WriteString("null")
			return nil
		}
		return canonical(b, v.Elem())
	}
	switch x := v.Interface().(type) {
	case Curve:
		if !x.Constant() {
			return fmt.Errorf("schema: a curve was not resolved")
		}
		if !x.set {
			b.WriteString("null")
			return nil
		}
		return encode(b, x.value)
	case Ref:
		b.WriteString("null")
		return nil
	}
	switch v.Kind() {
	case reflect.Struct:
		return canonicalStruct(b, v)
	case reflect.Slice:
		b.WriteByte('[')
		for i := range v.Len() {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := canonical(b, v.Index(i)); err != nil {
				return err
			}
		}
		b.WriteByte(']')
		return nil
	}
	return encode(b, v.Interface())
}

var refsType = reflect.TypeFor[[]Ref]()

func canonicalStruct(b *bytes.Buffer, v reflect.Value) error {
	fields := fieldsOf(v)
	slices.SortFunc(fields, func(x, y field) int { return bytes.Compare([]byte(x.name), []byte(y.name)) })
	b.WriteByte('{')
	first := true
	for _, f := range fields {
		if t := f.value.Type(); f.value.IsZero() || t == refType || t == dataType || t == refsType {
			continue
		}
		if !first {
			b.WriteByte(',')
		}
		first = false
		fmt.Fprintf(b, "%q:", f.name)
		if err := canonical(b, f.value); err != nil {
			return err
		}
	}
	b.WriteByte('}')
	return nil
}

func encode(b *bytes.Buffer, x any) error {
	text, err := json.Marshal(x)
	b.Write(text)
	return err
}
