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
	on, err := p.on(in)
	if err != nil || out.Config == nil {
		return err
	}
	s := restacked{in: in, layers: on.layers}
	for _, t := range on.towers {
		s.counts = append(s.counts, t.layers)
	}
	parts, counts := within, []string(nil)
	if p.Tower != "" {
		parts, counts = sayingOf(on.towers[0])
	}
	if !s.moves() {
		return nil
	}
	for _, part := range parts {
		if out.Config, err = s.edit(out.Config, part); err != nil {
			return err
		}
	}
	if counts == nil || len(s.layers) == s.counts[0] {
		return nil // of the text model's layers, the writer counts them
	}
	if out.Config, err = s.recount(out.Config, counts); err != nil {
		return fmt.Errorf("%s: %w", on.towers[0].prefix, err)
	}
	return nil
}

// sayingOf lists the parts of a config that may be about a tower, and the paths
// that may give the number of its layers. Whisper and BART repeat the encoder's
// number as num_hidden_layers.
func sayingOf(t tower) (parts, counts []string) {
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(t.prefix, w) })
	}
	switch {
	case has("vision", "visual", "image"):
		parts = []string{"vision_config"}
	case has("audio", "speech"):
		parts = []string{"audio_config", "speech_config", "encoder_config"}
	case has("decoder"):
		return nil, []string{"decoder_layers", "num_decoder_layers", "decoder.num_hidden_layers"}
	case has("encoder"):
		return nil, []string{"encoder_layers", "num_encoder_layers", "num_layers", "num_hidden_layers", "encoder.num_hidden_layers"}
	default:
		return within, nil
	}
	for _, part := range parts {
		for _, key := range []string{"num_hidden_layers", "depth", "num_layers", "n_layers", "layers", "encoder_layers"} {
			counts = append(counts, part+"."+key)
		}
	}
	return parts, counts
}

// recount gives the number of layers wherever it stood.
func (s restacked) recount(config []byte, counts []string) ([]byte, error) {
	said := false
	for _, c := range counts {
		if path := strings.Split(c, "."); intAt(config, path) == s.counts[0] {
			config, said = jsontext.Replace(config, fmt.Sprint(len(s.layers)), path...), true
		}
	}
	if !said {
		return nil, fmt.Errorf("config.json does not say by any of %s that there are %d layers", strings.Join(counts, ", "), s.counts[0])
	}
	return config, nil
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
		case slices.Contains(leading, f.Key):
			k, err := s.leading(path)
			if err != nil {
				return nil, err
			}
			config = jsontext.Replace(config, fmt.Sprint(k), path...)
		case f.Key == "num_nextn_predict_layers" && intAt(config, path) > 0:
			n, err := s.predicting(append(split(part), "num_hidden_layers"))
			if err != nil {
				return nil, err
			}
			config = jsontext.Replace(config, fmt.Sprint(n), append(split(part), "num_hidden_layers")...)
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
var numbers = []string{"mlp_only_layers", "moe_layers", "full_attn_idxs", "attn_layer_indices", "cross_attention_layers", "global_attention_layers", "local_layer_ids", "fullatt_block_indexes", "deepstack_visual_indexes"}

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

func intAt(config []byte, path []string) (n int) {
	if from, to, ok := jsontext.Find(config, path...); ok {
		_ = json.Unmarshal(config[from:to], &n) // 0 where it is no number
	}
	return n
}
