package gguf

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/rouxml/roux/tensor"
)

// number returns the whole number under the first of the keys, below the
// architecture's, that is there. A list must say the same of every layer.
func (h *Header) number(keys ...string) (int64, error) {
	arch := h.Metadata.Text("general.architecture")
	for _, key := range keys {
		full := arch + "." + key
		if n, ok := h.Metadata.Int(full); ok {
			return n, nil
		}
		list := h.Metadata.Ints(full)
		if len(list) == 0 {
			continue
		}
		if slices.Max(list) != slices.Min(list) {
			return 0, fmt.Errorf("%s differs from layer to layer, which roux does not read", full)
		}
		return list[0], nil
	}
	return 0, fmt.Errorf("key %s.%s is missing: the file was not made by llama.cpp's converter, or is damaged", arch, keys[0])
}

// config makes the text of config.json.
func (m *model) config() ([]byte, error) {
	out := map[string]any{"model_type": m.family.ModelType, "architectures": []string{m.family.Class}, "torch_dtype": m.dtype().Torch()}
	for _, role := range []string{"bos", "eos"} {
		if id, ok := m.header.Metadata.Int("tokenizer.ggml." + role + "_token_id"); ok {
			out[role+"_token_id"] = id
		}
	}
	for key, raw := range m.family.Config {
		v, set, err := m.setting(raw)
		if err != nil {
			return nil, fmt.Errorf("%s of config.json: %w", key, err)
		}
		if set {
			out[key] = plain(v)
		}
	}
	text, err := json.MarshalIndent(out, "", "  ")
	return append(text, '\n'), err
}

// setting finds what a family's config says of a key.
func (m *model) setting(raw json.RawMessage) (v any, set bool, err error) {
	if bytes.Equal(raw, []byte("null")) {
		return nil, false, nil
	}
	var key string
	var pair []json.RawMessage
	if json.Unmarshal(raw, &pair) == nil {
		if err := json.Unmarshal(pair[0], &key); err != nil {
			return nil, false, err
		}
		v, err := m.single(key)
		if v == nil {
			return pair[1], true, err
		}
		return v, true, err
	}
	if err := json.Unmarshal(raw, &key); err != nil {
		return nil, false, err
	}
	if name, computed := strings.CutPrefix(key, "="); computed {
		v, err = computers[name](m)
		return v, v != nil, err
	}
	key, optional := strings.CutSuffix(key, "?")
	if v, err = m.single(key); v == nil && err == nil && !optional {
		_, err = m.header.number(key) // says that it is missing
	}
	return v, v != nil, err
}

// single is a number or truth value under a key of the architecture, or nil; a
// list must hold one number again and again.
func (m *model) single(key string) (any, error) {
	switch v := m.value(key).(type) {
	case nil, uint64, int64, float64, bool:
		return v, nil
	case []int64:
		return m.header.number(key)
	default:
		return nil, fmt.Errorf("%s.%s is %.40v, which is no number", m.family.Arch, key, v)
	}
}

// value is what the metadata holds under a key of the architecture.
func (m *model) value(key string) any {
	md := &m.header.Metadata
	return md.Value(md.Text("general.architecture") + "." + key)
}

// plain writes a number that a float32 holds as shortly as that allows.
func plain(v any) any {
	switch v := v.(type) {
	case float64:
		if float64(float32(v)) == v {
			return json.Number(strconv.FormatFloat(v, 'g', -1, 32))
		}
	case []float64:
		var out []any
		for _, f := range v {
			out = append(out, plain(f))
		}
		return out
	case map[string]any:
		for k, f := range v {
			v[k] = plain(f)
		}
	}
	return v
}

// dtype is that of the largest plain matrices, or float32 beside blocks.
func (m *model) dtype() tensor.DType {
	d, most := tensor.F32, 0
	for _, info := range m.infos {
		if n := info.Shape.Numel(); len(info.Shape) > 1 && n > most && info.DType.IsFloat() {
			d, most = info.DType, n
		}
	}
	return d
}
