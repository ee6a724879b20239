package nn

import (
	"encoding/json"
	"fmt"
	"math"
)

// ref says where a family keeps a value: the keys of config.json in the order
// of belief, and the value when none is there. In JSON it is a list of
// both: ["rms_norm_eps", 1e-6]. A last element that is a text behind "=" is a
// text default: ["hidden_act", "=silu"].
type ref struct {
	keys []string
	def  any // nil: there is no default
}

func (r *ref) UnmarshalJSON(text []byte) error {
	var parts []any
	if err := json.Unmarshal(text, &parts); err != nil {
		return err
	}
	for _, p := range parts {
		s, isText := p.(string)
		switch {
		case isText && len(s) > 0 && s[0] == '=':
			r.def = s[1:]
		case isText:
			r.keys = append(r.keys, s)
		default:
			r.def = p
		}
	}
	return nil
}

// settings is the object of config.json that describes the network, and which
// of its keys were asked for.
type settings struct {
	values map[string]any
	known  map[string]bool
}

// find returns the value of the first key that is there, which may be null, or
// the default. Stated says that a key was there.
func (s *settings) find(r ref) (v any, stated bool) {
	for _, k := range r.keys {
		s.known[k] = true
	}
	for _, k := range r.keys {
		if v, ok := s.values[k]; ok {
			return v, true
		}
	}
	return r.def, false
}

// number returns a number; ok is false where there is none or it is null.
func (s *settings) number(r ref) (x float64, ok bool, err error) {
	switch v, _ := s.find(r); v := v.(type) {
	case nil:
		return 0, false, nil
	case float64:
		return v, true, nil
	default:
		return 0, false, fmt.Errorf("config.json: %s is %v, not a number", r.keys[0], v)
	}
}

// count returns a whole number of at least one, within a bound that no real
// model reaches.
func (s *settings) count(r ref) (int, error) {
	x, ok, err := s.number(r)
	if err != nil {
		return 0, err
	}
	if !ok {
		return 0, fmt.Errorf("config.json: %s is missing", r.keys[0])
	}
	if x != float64(int(x)) || x < 1 || x > 1<<28 {
		return 0, fmt.Errorf("config.json: %s is %v, not a whole number above zero", r.keys[0], x)
	}
	return int(x), nil
}

// every returns a whole number of at least least; null and absence are 0.
func (s *settings) every(r ref, least float64) (int, error) {
	x, ok, err := s.number(r)
	if err != nil || !ok {
		return 0, err
	}
	if x != math.Trunc(x) || x < least || x > 1<<28 {
		return 0, fmt.Errorf("config.json: %s is %v, not a whole number of %v or more", r.keys[0], x, least)
	}
	return int(x), nil
}

// flag returns a truth; null and absence are false.
func (s *settings) flag(r ref) (bool, error) {
	switch v, _ := s.find(r); v := v.(type) {
	case nil:
		return false, nil
	case bool:
		return v, nil
	default:
		return false, fmt.Errorf("config.json: %s is %v, neither true nor false", r.keys[0], v)
	}
}

// text returns a text.
func (s *settings) text(r ref) (string, error) {
	switch v, _ := s.find(r); v := v.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	default:
		return "", fmt.Errorf("config.json: %s is %v, not a text", r.keys[0], v)
	}
}

// list returns a list, or nil.
func (s *settings) list(r ref) ([]any, error) {
	switch v, _ := s.find(r); v := v.(type) {
	case nil:
		return nil, nil
	case []any:
		return v, nil
	default:
		return nil, fmt.Errorf("config.json: %s is %v, not a list", r.keys[0], v)
	}
}
