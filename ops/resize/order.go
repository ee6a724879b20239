package resize

import (
	"fmt"
	"strings"

	"github.com/rouxml/roux/tensor/jsontext"
)

// patterns are keys by which every so manieth layer attends to everything, or
// has experts.
var patterns = []string{"sliding_window_pattern", "_sliding_window_pattern", "full_attention_interval", "no_rope_layer_interval", "decoder_sparse_step", "moe_layer_freq", "interleave_moe_layer_step"}

// leading are keys that say how many of the first layers are dense, before
// those of experts.
var leading = []string{"first_k_dense_replace", "num_dense_layers", "first_num_dense_layers"}

// leading counts the first layers that were dense in their own models; the
// config has no words for dense layers behind others.
func (s restacked) leading(path []string) (k int, err error) {
	for at, from := range s.layers {
		dense := from.layer < intAt(s.in[from.port].Config, path)
		if dense && k < at {
			return 0, fmt.Errorf("layer %d of the result is dense and stands behind layers of experts, which config.json cannot say (%s counts the first layers): leave the first layers of %s out", at, path[len(path)-1], s.in[from.port].Name)
		}
		if dense {
			k++
		}
	}
	return k, nil
}

// predicting counts the layers before those that predict further tokens, which
// are numbered with the others and not counted by num_hidden_layers.
func (s restacked) predicting(path []string) (n int, err error) {
	for at, from := range s.layers {
		said := intAt(s.in[from.port].Config, path)
		if said > 0 && from.layer >= said {
			continue
		}
		if n < at {
			return 0, fmt.Errorf("layer %d of the result stands behind one that predicts further tokens: end the slices before with layer %d", at, said)
		}
		n++
	}
	return n, nil
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
	if same && !strings.HasPrefix(key, "moe") || key == "no_rope_layer_interval" && listAt(config, append(split(part), "no_rope_layers")) != nil {
		return config, nil
	}
	listed, experts := append(split(part), "layer_types"), strings.Contains(key, "moe") || strings.Contains(key, "sparse")
	switch {
	case experts && s.inStep(every):
		return config, nil
	case experts:
	case listAt(config, listed) != nil:
		return config, nil
	case strings.HasSuffix(key, "sliding_window_pattern"):
		return jsontext.Set(config, "["+strings.Join(types, ", ")+"]", listed...), nil
	}
	return nil, fmt.Errorf("config.json says %s: %d, which these slices would break and which only a list could say: keep to multiples of %d layers", key, every, every)
}

// inStep says whether layers are as many from the next multiple as they were.
func (s restacked) inStep(every int) bool {
	for at, from := range s.layers {
		if at%every != from.layer%every {
			return false
		}
	}
	return true
}
