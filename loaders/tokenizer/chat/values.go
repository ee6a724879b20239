package chat

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"

	"github.com/nikolalohinski/gonja/v2/exec"
)

// maxDepth bounds values within values.
const maxDepth = 100

var errDeep = errors.New("values stand too deep within each other")

// decode reads JSON into the values that gonja knows, and remembers the order
// of keys.
func (r *render) decode(raw json.RawMessage) (any, error) {
	if len(raw) > maxInput {
		return nil, fmt.Errorf("%d bytes of JSON are more than %d", len(raw), maxInput)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	v, err := r.value(d, 0)
	if err != nil {
		return nil, fmt.Errorf("not JSON at byte %d: %w", d.InputOffset(), err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("more than one JSON value at byte %d", d.InputOffset())
	}
	return v, nil
}

func (r *render) value(d *json.Decoder, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errDeep
	}
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case json.Number:
		if i, err := t.Int64(); err == nil {
			return int(i), nil
		}
		return t.Float64()
	case json.Delim:
		if t == '[' {
			return r.list(d, depth)
		}
		return r.object(d, depth)
	}
	if token == nil {
		return none, nil
	}
	return token, nil
}

func (r *render) list(d *json.Decoder, depth int) (any, error) {
	out := list{}
	for d.More() {
		v, err := r.value(d, depth+1)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	_, err := d.Token()
	return out, err
}

func (r *render) object(d *json.Decoder, depth int) (any, error) {
	out := object{}
	var keys []string
	for d.More() {
		k, err := d.Token()
		if err != nil {
			return nil, err
		}
		v, err := r.value(d, depth+1)
		if err != nil {
			return nil, err
		}
		key := k.(string)
		if _, again := out[key]; !again {
			keys = append(keys, key)
		}
		out[key] = v
	}
	r.orders[reflect.ValueOf(out).Pointer()] = keys
	_, err := d.Token()
	return out, err
}

// entry is a key and its value.
type entry struct {
	key   string
	value any
}

// entries are what a dictionary holds, in order; ok is false for other values.
func (r *render) entries(v any) (out []entry, ok bool) {
	switch x := v.(type) {
	case *exec.Value:
		if x.IsNil() {
			return nil, false
		}
		return r.entries(x.Interface())
	case *exec.Dict:
		return r.entries(*x)
	case exec.Dict:
		for _, p := range x.Pairs {
			out = append(out, entry{p.Key.String(), p.Value.Interface()})
		}
		return out, true
	case object:
		return r.entries(map[string]any(x))
	case map[string]any:
		known := r.orders[reflect.ValueOf(x).Pointer()]
		for _, k := range known {
			if v, ok := x[k]; ok {
				out = append(out, entry{k, v})
			}
		}
		if len(out) == len(x) {
			return out, true
		}
		var rest []string
		for k := range x {
			if !slices.Contains(known, k) {
				rest = append(rest, k)
			}
		}
		slices.Sort(rest)
		for _, k := range rest {
			out = append(out, entry{k, x[k]})
		}
		return out, true
	}
	return nil, false
}
