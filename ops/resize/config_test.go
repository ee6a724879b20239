package resize

import (
	"strings"
	"testing"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/ops/opstest"
	"github.com/rouxml/roux/tensor"
)

// byName reads "N.x" and "tower.N.x".
type byName struct{}

func (byName) Layers() int { return 4 }

func (byName) Role(name string, _ tensor.Shape) tensor.Role {
	tower, rest, foreign := strings.Cut(name, "/")
	if !foreign {
		tower, rest = "", name
	}
	return tensor.Role{Layer: int(rest[0] - '0'), Kind: tensor.MLPUp, Tower: tower}
}

func header(config string) ops.Header {
	var infos []tensor.Info
	for _, name := range []string{"0.x", "1.x", "2.x", "3.x", "eyes/0.x", "eyes/7.x"} {
		infos = append(infos, tensor.Info{Name: name, DType: tensor.F32, Shape: tensor.Shape{2}})
	}
	return ops.NewHeader("m", infos, &tensor.Model{Roles: byName{}, Config: []byte(config)})
}

// TestConfigFollowsLayers: what the config says of a layer goes where the layer
// goes; lists that are about the model stay.
func TestConfigFollowsLayers(t *testing.T) {
	reg, err := ops.NewRegistry(&Set)
	if err != nil {
		t.Fatal(err)
	}
	op, _ := reg.Op("resize.stack")
	params := opstest.Decode(t, op, "{slices: [{model: a, layers: [1, 3]}, {model: b, layers: [0, 4]}]}")
	for _, c := range []struct{ name, a, b, want string }{
		{"list", `{"layer_types":["a","b","c","d"]}`, `{"layer_types":["e","f","g","h"]}`, `{"layer_types":["b", "c", "e", "f", "g", "h"]}`},
		{"list that one model lacks", `{"no_rope_layers":[1,1,1,0]}`, `{}`, `{"no_rope_layers":[1, 1, 1, 1, 1, 0]}`},
		{"list below", `{"text_config":{"attention_chunks":[1,2,3,4]}}`, `{}`, `{"text_config":{"attention_chunks":[2, 3, 1, 2, 3, 4]}}`},
		{"layer numbers", `{"mlp_only_layers":[2]}`, `{"mlp_only_layers":[0,3]}`, `{"mlp_only_layers":[1, 2, 5]}`},
		{"about the model", `{"eos_token_id":[1,2,3,4],"x":[1,2,3]}`, `{}`, `{"eos_token_id":[1,2,3,4],"x":[1,2,3]}`},
		{"dense layers come first", `{"first_k_dense_replace":2}`, `{"first_k_dense_replace":0}`, `{"first_k_dense_replace":1}`},
		{"all layers have experts", `{"decoder_sparse_step":1,"moe_layer_freq":1}`, `{}`, `{"decoder_sparse_step":1,"moe_layer_freq":1}`},
		{"the last predicts further tokens", `{"num_hidden_layers":4,"num_nextn_predict_layers":1}`, `{"num_hidden_layers":3,"num_nextn_predict_layers":1}`, `{"num_hidden_layers":5,"num_nextn_predict_layers":1}`},
		{"no layer predicts further tokens", `{"num_hidden_layers":4,"num_nextn_predict_layers":1}`, `{"num_hidden_layers":4}`, `{"num_hidden_layers":6,"num_nextn_predict_layers":1}`},
		{"pattern", `{"sliding_window_pattern":2}`, `{}`, "{\"sliding_window_pattern\":2,\n  \"layer_types\": [\"full_attention\", \"sliding_attention\", \"sliding_attention\", \"full_attention\", \"sliding_attention\", \"full_attention\"]\n}"},
	} {
		out := &tensor.Model{Config: []byte(c.a)}
		if err := op.Ride(params, []ops.Header{header(c.a), header(c.b)}, out); err != nil || string(out.Config) != c.want {
			t.Errorf("%s: %s %v, want %s", c.name, out.Config, err, c.want)
		}
	}
	for config, want := range map[string]string{
		`{"full_attention_interval":2}`:                           "keep to multiples of 2 layers",
		`{"decoder_sparse_step":2}`:                               "keep to multiples of 2 layers",
		`{"moe_layer_freq":3}`:                                    "keep to multiples of 3 layers",
		`{"first_k_dense_replace":1}`:                             "layer 2 of the result is dense and stands behind layers of experts",
		`{"num_hidden_layers":2,"num_nextn_predict_layers":2}`:    "layer 2 of the result stands behind one that predicts further tokens: end the slices before with layer 2",
		`{"text_config":{"first_k_dense_replace":1},"x":[1,[2]]}`: "layer 2 of the result is dense",
	} {
		out := &tensor.Model{Config: []byte(config)}
		if err := op.Ride(params, []ops.Header{header(config), header(config)}, out); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", config, err, want)
		}
	}
	picks, err := op.Select(params, []ops.Header{header("{}"), header("{}")})
	var names []string
	for _, p := range picks {
		names = append(names, p.Name)
	}
	if got, want := strings.Join(names, " "), "eyes/0.x eyes/7.x 0.x 1.x 2.x 3.x 4.x 5.x"; err != nil || got != want {
		t.Errorf("%s %v, want %s", got, err, want)
	}
}
