package gguf

import (
	"fmt"
	"math"
	"slices"
)

// ropeScaling is config.json's rope_scaling; nil for none. As llama.cpp has it,
// a factor without a type is linear, and rope.scale_linear is its old name.
func ropeScaling(m *model) (any, error) {
	if m.has("rope_factors_long.weight") {
		return longRope(m)
	}
	if m.has("rope_freqs.weight") {
		return llama3(m)
	}
	kind := m.header.Metadata.Text(m.family.Arch + ".rope.scaling.type")
	factor, ok := m.float("rope.scaling.factor")
	if !ok {
		factor, _ = m.float("rope.scale_linear")
	}
	if kind == "none" || factor == 0 {
		return nil, nil
	}
	out := map[string]any{"rope_type": kind, "factor": factor}
	switch kind {
	case "":
		out["rope_type"] = "linear"
		return out, nil
	case "linear":
		return out, nil
	case "yarn":
		return out, m.yarn(out, factor)
	}
	return nil, fmt.Errorf("rope scaling %q is not known; linear, yarn, llama3 and longrope are", kind)
}

// yarn adds the settings of that scaling. Llama.cpp multiplies what it computes
// from the factor by attn_factor; config.json's attention_factor is the product.
func (m *model) yarn(out map[string]any, factor float64) error {
	for to, from := range map[string]string{"original_max_position_embeddings": "original_context_length", "beta_fast": "yarn_beta_fast", "beta_slow": "yarn_beta_slow"} {
		if v := m.value("rope.scaling." + from); v != nil {
			out[to] = v
		}
	}
	if a, ok := m.float("rope.scaling.attn_factor"); ok {
		out["attention_factor"] = a * (0.1*math.Log(max(factor, 1)) + 1)
	}
	if x, _ := m.float("rope.scaling.yarn_log_multiplier"); x != 0 {
		return fmt.Errorf("%s.rope.scaling.yarn_log_multiplier is %v, which roux does not compute", m.family.Arch, x)
	}
	return nil
}

// float is a number under a key of the architecture.
func (m *model) float(key string) (float64, bool) {
	return m.header.Metadata.Float(m.header.Metadata.Text("general.architecture") + "." + key)
}

// floats reads a vector of numbers that becomes a part of config.json.
func (m *model) floats(ggml string) ([]float64, error) {
	const most = 1 << 14
	t, ok := m.files.stored(ggml)
	if !ok {
		return nil, fmt.Errorf("tensor %s is missing", ggml)
	}
	n := t.Header.Shape.Numel()
	if n == 0 || n > most || t.Header.Quant != nil {
		return nil, fmt.Errorf("tensor %s has shape %v, which is no list of divisors", ggml, t.Header.Shape)
	}
	x, err := decode(t, 0, int(t.Header.Bytes()), n)
	if err != nil {
		return nil, err
	}
	out := make([]float64, n)
	for i, f := range x {
		if !(f > 0) || math.IsInf(float64(f), 0) {
			return nil, fmt.Errorf("tensor %s holds %v, and divisors are positive", ggml, f)
		}
		out[i] = float64(f)
	}
	return out, nil
}

func longRope(m *model) (any, error) {
	long, err := m.floats("rope_factors_long.weight")
	if err != nil {
		return nil, err
	}
	out := map[string]any{"rope_type": "longrope", "long_factor": long, "short_factor": long}
	if m.has("rope_factors_short.weight") {
		if out["short_factor"], err = m.floats("rope_factors_short.weight"); err != nil {
			return nil, err
		}
	}
	if a := m.value("rope.scaling.attn_factor"); a != nil {
		out["attention_factor"] = a
	}
	return out, nil
}

// llama3 finds the settings that the divisors of the frequencies were computed
// from: the factor is the largest of them, and all releases share the rest.
// Divisors of another making stand for themselves.
func llama3(m *model) (any, error) {
	f, err := m.floats("rope_freqs.weight")
	if err != nil {
		return nil, err
	}
	theta, ok := m.header.Metadata.Float(m.family.Arch + ".rope.freq_base")
	if !ok {
		theta = 10000
	}
	const low, high, original = 1.0, 4.0, 8192.0
	factor := slices.Max(f)
	for i, got := range f {
		wave := 2 * math.Pi * math.Pow(theta, float64(i)/float64(len(f)))
		smooth := min(max((original/wave-low)/(high-low), 0), 1)
		if want := 1 / ((1-smooth)/factor + smooth); math.Abs(got-want) > 1e-4*want {
			return map[string]any{"rope_type": "longrope", "long_factor": f, "short_factor": f, "attention_factor": 1}, nil
		}
	}
	return map[string]any{"rope_type": "llama3", "factor": factor, "low_freq_factor": low, "high_freq_factor": high,
		"original_max_position_embeddings": int(original)}, nil
}
