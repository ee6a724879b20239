package resize

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/jsontext"
)

// within are the parts of a config that may hold the text model's keys.
var within = []string{"", "text_config", "llm_config", "language_config"}

// stackRide makes what the config says of single layers follow them.
func stackRide(p *stack, in []ops.Header, out *tensor.Model) error {
	layers, err := p.layers(in)
	if err != nil || out.Config == nil {
		return err
	}
	s := restacked{in: in, layers: layers, counts: make([]int, len(in))}
	for i, h := range in {
		s.counts[i] = count(h)
	}
	if !s.moves() {
		return nil
	}
	for _, part := range within {
		if out.Config, err = s.edit(out.Config, part); err != nil {
			return err
		}
	}
	return nil
}

// restacked is what the result's layers are, and how many each model has.
type restacked struct {
	in     []ops.Header
	layers []source
	counts []int
}

// moves says whether any layer is not where it was in the first model.
func (s restacked) moves() bool {
	for at, from := range s.layers {
		if from.port != 0 || from.layer != at {
			return true
		}
	}
	return len(s.layers) != s.counts[0]
}

// edit changes the keys of one part of the config.
func (s restacked) edit(config []byte, part string) ([]byte, error) {
	from, to, ok := jsontext.Find(config, split(part)...)
	if !ok {
		return config, nil
	}
	for _, f := range jsontext.Fields(config[from:to]) {
		path := append(split(part), f.Key)
		list := listAt(config, path)
		switch {
		case len(list) == s.counts[0] && !perModel(f.Key):
			config = jsontext.Replace(config, "["+strings.Join(s.perLayer(list, path), ", ")+"]", path...)
		case slices.Contains(numbers, f.Key) && list != nil:
			config = jsontext.Replace(config, s.numbers(path), path...)
		case slices.Contains(patterns, f.Key):
			var err error
			if config, err = s.pattern(config, part, path); err != nil {
				return nil, err
			}
		}
	}
	return config, nil
}

func split(part string) []string {
	if part == "" {
		return nil
	}
	return []string{part}
}

// perModel says whether a list is about the model and not about its layers,
// however long it is.
func perModel(key string) bool {
	return key == "architectures" || strings.HasSuffix(key, "_token_id") || strings.HasSuffix(key, "_token_ids") ||
		strings.HasPrefix(key, "image") || strings.HasPrefix(key, "vision") || strings.HasPrefix(key, "audio") || slices.Contains(numbers, key)
}

// numbers are keys that list the layers which are of some kind.
var numbers = []string{"mlp_only_layers", "moe_layers", "full_attn_idxs", "attn_layer_indices", "cross_attention_layers", "global_attention_layers", "local_layer_ids"}

// patterns are keys by which every so manieth layer attends to everything.
var patterns = []string{"sliding_window_pattern", "_sliding_window_pattern", "full_attention_interval", "no_rope_layer_interval"}

// listAt returns a list, or nil.
func listAt(config []byte, path []string) []json.RawMessage {
	from, to, ok := jsontext.Find(config, path...)
	var list []json.RawMessage
	if !ok || json.Unmarshal(config[from:to], &list) != nil {
		return nil
	}
	return list
}

// perLayer gives each layer the value that it had in its own model, or in the
// first model where its own says nothing.
func (s restacked) perLayer(first []json.RawMessage, path []string) []string {
	values := make([]string, len(s.layers))
	for at, from := range s.layers {
		list := listAt(s.in[from.port].Config, path)
		if len(list) != s.counts[from.port] {
			list = first
		}
		values[at] = string(list[from.layer%len(list)])
	}
	return values
}

// numbers lists the layers that were listed in their own models.
func (s restacked) numbers(path []string) string {
	var at []string
	for i, from := range s.layers {
		for _, v := range listAt(s.in[from.port].Config, path) {
			if string(v) == fmt.Sprint(from.layer) {
				at = append(at, fmt.Sprint(i))
			}
		}
	}
	return "[" + strings.Join(at, ", ") + "]"
}

// pattern checks that layers which attend to everything still do: a count
// cannot say so when layers have moved, a list of layer_types can.
func (s restacked) pattern(config []byte, part string, path []string) ([]byte, error) {
	every := intAt(config, path)
	if every <= 1 {
		return config, nil
	}
	same := true
	types := make([]string, len(s.layers))
	for at, from := range s.layers {
		whole := (from.layer+1)%every == 0
		same = same && whole == ((at+1)%every == 0)
		types[at] = `"sliding_attention"`
		if whole {
			types[at] = `"full_attention"`
		}
	}
	key := path[len(path)-1]
	if same || key == "no_rope_layer_interval" && listAt(config, append(split(part), "no_rope_layers")) != nil {
		return config, nil
	}
	listed := append(split(part), "layer_types")
	switch {
	case listAt(config, listed) != nil:
		return config, nil
	case strings.HasSuffix(key, "sliding_window_pattern"):
		return jsontext.Set(config, "["+strings.Join(types, ", ")+"]", listed...), nil
	}
	return nil, fmt.Errorf("config.json says %s: %d, which these slices would break and which only a list could say: keep to multiples of %d layers", key, every, every)
}

func intAt(config []byte, path []string) (n int) {
	if from, to, ok := jsontext.Find(config, path...); ok {
		_ = json.Unmarshal(config[from:to], &n) // 0 where it is no number
	}
	return n
}
