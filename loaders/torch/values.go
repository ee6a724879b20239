package torch

import (
	"fmt"

	"github.com/rouxml/roux/tensor"
)

// The values of a pickle are Go's nil, bool, int64, float64, string and []byte,
// and the types here. Containers are shared by pointer, as in Python, so that
// nothing grows beyond the bytes that were read.

type tuple []any

type list struct{ items []any }

// dict keeps the order of its keys. Keys that cannot be compared in Go are
// refused.
type dict struct {
	keys   []any
	values map[any]any
}

func newDict() *dict { return &dict{values: map[any]any{}} }

func (d *dict) set(key, value any) error {
	switch key.(type) {
	case nil, bool, int64, float64, string:
	default:
		return fmt.Errorf("a dictionary has %s for a key", describe(key))
	}
	if _, ok := d.values[key]; !ok {
		d.keys = append(d.keys, key)
	}
	d.values[key] = value
	return nil
}

// global is a name that the pickle imports, from the fixed table.
type global struct{ module, name string }

func (g global) String() string { return g.module + "." + g.name }

// storage is a run of elements in a record of the file.
type storage struct {
	key   string
	dtype tensor.DType // Invalid for untyped bytes
	numel int64        // elements; bytes when it is untyped
}

// bytes is how long the storage is.
func (s *storage) bytes() int64 {
	if s.dtype == tensor.Invalid {
		return s.numel
	}
	return s.numel * int64(s.dtype.Size())
}

// view is a tensor: some elements of a storage.
type view struct {
	of      *storage
	dtype   tensor.DType
	offset  int64 // in elements
	shape   tensor.Shape
	strides []int64
}

// describe says what a value is, without its contents.
func describe(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		return fmt.Sprint(v)
	case int64:
		return fmt.Sprintf("the number %d", v)
	case float64:
		return fmt.Sprintf("the number %g", v)
	case string:
		return fmt.Sprintf("the text %.40q", v)
	case []byte:
		return fmt.Sprintf("%d bytes", len(v))
	case tuple:
		return fmt.Sprintf("a tuple of %d", len(v))
	case *list:
		return fmt.Sprintf("a list of %d", len(v.items))
	case *dict:
		return fmt.Sprintf("a dictionary of %d", len(v.keys))
	case *view:
		return "a tensor"
	case *storage:
		return "a storage"
	case global:
		return v.String()
	}
	return "something else"
}
