package nn

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// ropes reads the rotation of every layer. New files hold it in the map
// rope_parameters, maybe one map for each type of layer; old ones in
// rope_scaling and keys beside it. The map is believed before the key, and the
// key before the family.
func (a *Arch) ropes(s *settings) error {
	f := &a.form.Attention.Rope
	if len(f.Theta.keys) == 0 {
		return nil
	}
	m, err := ropeMap(s)
	if err != nil {
		return err
	}
	full, sliding := m, m
	if nested, ok := m["full_attention"].(map[string]any); ok {
		full = nested
		sliding, _ = m["sliding_attention"].(map[string]any)
	} else if len(f.Local.keys) > 0 {
		sliding = nil // scaling applies to full layers alone
	}
	outer, err := a.rope(s, full, f.Theta)
	if err != nil {
		return err
	}
	inner := outer
	if len(f.Local.keys) > 0 {
		if inner, err = a.rope(s, sliding, f.Local); err != nil {
			return err
		}
	}
	if outer.kind == "dynamic" {
		a.Positions = int(float64(a.Positions) * max(outer.factor, 1)) // the angles stretch as far
	}
	return a.placeRopes(s, outer, inner)
}

func (a *Arch) placeRopes(s *settings, outer, inner *rope) error {
	slides, err := a.sliding(s)
	if err != nil {
		return err
	}
	for i := range a.layers {
		a.layers[i].rope = outer
		if slides[i] {
			a.layers[i].rope = inner
		}
	}
	return a.dropRopes(s)
}

// dropRopes takes the rotation from layers that have none.
func (a *Arch) dropRopes(s *settings) error {
	f := &a.form.Attention
	every, err := s.every(f.NoRopeEvery, 1)
	if err != nil {
		return err
	}
	has, err := s.list(f.NoRope)
	if err != nil {
		return err
	}
	if has != nil && len(has) < a.Layers {
		return fmt.Errorf("config.json: %s has %d entries for %d layers", f.NoRope.keys[0], len(has), a.Layers)
	}
	for i := range a.layers {
		none := every >= 1 && (i+1)%every == 0
		if has != nil {
			if has[i] != 0.0 && has[i] != 1.0 && has[i] != false && has[i] != true {
				return fmt.Errorf("config.json: %s has %v for layer %d, and may have 0 and 1", f.NoRope.keys[0], has[i], i)
			}
			none = has[i] == 0.0 || has[i] == false
		}
		if none {
			a.layers[i].rope = nil
		}
	}
	return nil
}

// ropeMap returns the map of the rotation, or none.
func ropeMap(s *settings) (found map[string]any, err error) {
	for _, key := range []string{"rope_parameters", "rope_scaling"} {
		v, _ := s.find(ref{keys: []string{key}})
		m, ok := v.(map[string]any)
		switch {
		case v == nil:
		case !ok:
			return nil, fmt.Errorf("config.json: %s is %v, not an object", key, v)
		case found != nil && !reflect.DeepEqual(found, m):
			return nil, fmt.Errorf("config.json: rope_parameters and rope_scaling differ: remove one of them")
		default:
			found = m
		}
	}
	return found, nil
}

// ropeKeys are the keys of the map that have a meaning here.
var ropeKeys = []string{
	"rope_type", "type", "rope_theta", "partial_rotary_factor", "factor", "original_max_position_embeddings", "low_freq_factor", "high_freq_factor",
	"beta_fast", "beta_slow", "truncate", "attention_factor", "mscale", "mscale_all_dim", "short_factor", "long_factor", "finetuned",
	"max_position_embeddings",
}

var ropeNumbers = []string{
	"rope_theta", "partial_rotary_factor", "factor", "original_max_position_embeddings", "low_freq_factor", "high_freq_factor",
	"beta_fast", "beta_slow", "attention_factor", "mscale", "mscale_all_dim",
}

// ropeNeeds are numbers without which a scaling means nothing.
var ropeNeeds = map[string][]string{"linear": {"factor"}, "dynamic": {"factor"}, "llama3": {"factor", "low_freq_factor", "high_freq_factor"}}

var ropeKinds = []string{"default", "linear", "dynamic", "llama3", "yarn", "longrope", "proportional"}

// rope reads one rotation out of its map, theta being its key outside.
func (a *Arch) rope(s *settings, m map[string]any, theta ref) (*rope, error) {
	for k := range m {
		if !slices.Contains(ropeKeys, k) {
			return nil, fmt.Errorf("config.json: rope setting %q is unknown", k)
		}
	}
	f := &a.form.Attention.Rope
	var outer [3]float64
	var stated bool
	for i, r := range []ref{theta, f.Partial, f.Original} {
		x, ok, err := s.number(r)
		if err != nil {
			return nil, err
		}
		outer[i], stated = x, ok // the last is original_max_position_embeddings
	}
	in, err := readScaling(m, f)
	if err != nil {
		return nil, err
	}
	r := &rope{scaling: *in, theta: numberIn(m, outer[0], "rope_theta"), positions: a.Positions}
	partial := numberIn(m, outer[1], "partial_rotary_factor")
	if err := f.check(s, theta, r, partial); err != nil {
		return nil, err
	}
	r.dims = int(float64(a.HeadDim) * partial)
	r.original = int(numberIn(m, float64(a.Positions), "original_max_position_embeddings"))
	if stated {
		r.original = int(outer[2])
	}
	switch {
	case r.original < 1:
		return nil, fmt.Errorf("config.json: original_max_position_embeddings is %d", r.original)
	case (r.kind == "longrope" || r.kind == "yarn") && m["factor"] == nil:
		r.factor = float64(a.Positions) / float64(r.original)
	case r.kind == "proportional":
		r.dims, r.low = a.HeadDim, float64(int(partial*float64(a.HeadDim)/2))
	}
	return r, r.check()
}

// check refuses a part of each head to turn where the family turns whole
// ones, and keys that contradict those that the family reads.
func (f *ropeForm) check(s *settings, theta ref, r *rope, partial float64) error {
	switch {
	case r.theta <= 1:
		return fmt.Errorf("config.json: %s is %v, and must be above 1", theta.keys[0], r.theta)
	case partial <= 0 || partial > 1:
		return fmt.Errorf("config.json: %s is %v, and must be above 0 and at most 1", f.Partial.keys[0], partial)
	case partial != 1 && f.Parts == (r.kind == "proportional"):
		return fmt.Errorf("config.json: partial_rotary_factor is %v, and in this model type a rotation of type %s turns whole heads", partial, r.kind)
	}
	for i, key := range f.Twins {
		x, ok, err := s.number(ref{keys: []string{key}})
		if used := []float64{r.theta, partial}[i]; err != nil || ok && x != used {
			return cmp.Or(err, fmt.Errorf("config.json: %s is %v, and what this model type reads (%s) makes it %v: remove it", key, x, []string{f.Theta.keys[0], f.Partial.keys[0]}[i], used))
		}
	}
	return nil
}

// readScaling reads what the map says about scaling.
func readScaling(m map[string]any, f *ropeForm) (*scaling, error) {
	in := &settings{values: m, known: map[string]bool{}}
	kind, err := in.text(ref{keys: []string{"rope_type", "type"}, def: "default"})
	if err != nil {
		return nil, err
	}
	switch {
	case f.Nested && kind != "default" && m["rope_type"] == nil:
		return nil, fmt.Errorf("config.json: the type of rope scaling %q must stand under rope_type for this model type", kind)
	case f.Nested && m["truncate"] == false:
		return nil, errors.New("config.json: truncate is false, which has no effect on rope scaling in this model type: remove it")
	}
	if other, ok := f.Alias[kind]; ok {
		kind = other
	}
	if !slices.Contains(ropeKinds, kind) {
		return nil, fmt.Errorf("config.json: rope_type is %q, a rope scaling that cannot be run; those that can: %s", kind, strings.Join(ropeKinds, ", "))
	}
	for _, k := range ropeNumbers {
		x, ok, err := in.number(ref{keys: []string{k}})
		switch {
		case err != nil:
			return nil, err
		case ok && x <= 0 && !strings.HasPrefix(k, "mscale"):
			return nil, fmt.Errorf("config.json: %s of the rope scaling is %v, and must be above zero", k, x)
		case !ok && slices.Contains(ropeNeeds[kind], k):
			return nil, fmt.Errorf("config.json: %s is missing, and rope scaling %s needs it", k, kind)
		}
	}
	truncate, err := in.flag(ref{keys: []string{"truncate"}, def: true})
	if err != nil {
		return nil, err
	}
	short, err := in.numbers("short_factor")
	if err != nil {
		return nil, err
	}
	long, err := in.numbers("long_factor")
	if err != nil {
		return nil, err
	}
	return &scaling{
		kind: kind, factor: numberIn(m, 1, "factor"), low: numberIn(m, 1, "low_freq_factor"), high: numberIn(m, 4, "high_freq_factor"),
		betaFast: numberIn(m, 32, "beta_fast"), betaSlow: numberIn(m, 1, "beta_slow"), truncate: truncate,
		attention: numberIn(m, 0, "attention_factor"), mscale: numberIn(m, 0, "mscale"), mscaleAll: numberIn(m, 0, "mscale_all_dim"),
		shortFactor: short, longFactor: long,
	}, nil
}

// numberIn is a number of a map, or def.
func numberIn(m map[string]any, def float64, key string) float64 {
	if x, ok := m[key].(float64); ok {
		return x
	}
	return def
}

// numbers is a list of numbers above zero, or none.
func (s *settings) numbers(key string) ([]float64, error) {
	list, err := s.list(ref{keys: []string{key}})
	if err != nil {
		return nil, err
	}
	out := make([]float64, len(list))
	for i, v := range list {
		x, ok := v.(float64)
		if !ok || x <= 0 {
			return nil, fmt.Errorf("config.json: %s has %v at %d, and must have numbers above zero", key, v, i)
		}
		out[i] = x
	}
	return out, nil
}
