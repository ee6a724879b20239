package nn

import (
	"fmt"
	"reflect"
	"slices"
	"sort"
	"strings"
)

// checkRequired refuses settings that the family computes in one way only.
func (*settings) checkRequired(f *family) func(*settings) error {
	return func(s *settings) error {
		for _, k := range sorted(f.Require) {
			s.known[k] = true
			if v, ok := s.values[k]; ok && v != nil && !reflect.DeepEqual(v, f.Require[k]) {
				return fmt.Errorf("config.json: %s is %v, and only %v can be run", k, v, f.Require[k])
			}
		}
		return nil
	}
}

// checkUnknown refuses a setting that the family does not know although, by its
// name, it changes what is computed: a default taken in silence is how wrong
// logits arise.
func (*settings) checkUnknown(f *family) func(*settings) error {
	return func(s *settings) error {
		for _, k := range sorted(s.values) {
			if s.known[k] || slices.Contains(f.Known, k) || !changesMath(k) || idle(k, s.values[k]) {
				continue
			}
			return fmt.Errorf("config.json: %s is %v, which model type %s is not known to have", k, s.values[k], f.ModelTypes[0])
		}
		return nil
	}
}

// mathWords are parts of keys that change the numbers.
var mathWords = []string{
	"softcap", "multiplier", "scaling", "norm", "bias", "rope", "rotary", "window", "alibi", "experts", "layer_types", "query_pre_attn", "head_dim",
	"layer_scale", "lora_rank", "parallel_residual", "sparse",
}

// harmless are keys that have such a part and change nothing, in any family.
var harmless = []string{"rms_norm_eps", "norm_epsilon", "layer_norm_eps", "layer_norm_epsilon", "max_window_layers"}

func changesMath(key string) bool {
	if slices.Contains(harmless, key) {
		return false
	}
	return slices.ContainsFunc(mathWords, func(w string) bool { return strings.Contains(key, w) })
}

// idle says that a value asks for nothing.
func idle(key string, v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case bool:
		return !v
	case float64:
		return v == 1 && (strings.Contains(key, "multiplier") || strings.Contains(key, "scaling"))
	case []any:
		return len(v) == 0
	}
	return false
}

func sorted(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
