package arch

import (
	"testing"

	"github.com/rouxml/roux/tensor"
)

func named(shapes map[string]tensor.Shape, order ...string) []tensor.Info {
	var infos []tensor.Info
	for _, name := range order {
		shape := shapes[name]
		if shape == nil {
			shape = tensor.Shape{4, 4}
		}
		infos = append(infos, tensor.Info{Name: name, DType: tensor.F32, Shape: shape})
	}
	return infos
}

// TestTowers: of several stacks of layers the text model's is the one that the
// config's count is about, whatever their order and their depth.
func TestTowers(t *testing.T) {
	const config = `{"model_type":"new_vlm","vision_config":{"num_hidden_layers":3},"text_config":{"num_hidden_layers":9,"vocab_size":1}}`
	infos := named(map[string]tensor.Shape{"model.language_model.embed_tokens.weight": {64, 4}},
		"model.audio.layers.4.fc1.weight", "model.vision_tower.embeddings.position_embedding.weight", "model.vision_tower.encoder.layers.2.fc1.weight", "model.vision_tower.encoder.layers.2.fc2.weight", "model.vision_tower.encoder.layers.2.fc3.weight",
		"model.language_model.embed_tokens.weight", "model.language_model.layers.0.mlp.up_proj.weight", "model.language_model.layers.1.mlp.up_proj.weight")
	a, err := Resolve([]byte(config), infos)
	if err != nil {
		t.Fatal(err)
	}
	if a.Layers() != 2 || a.Vocabulary(infos) != 64 {
		t.Errorf("%d layers, vocabulary %d", a.Layers(), a.Vocabulary(infos))
	}
	if r := a.Role("model.vision_tower.encoder.layers.2.fc1.weight", nil); r.Layer != 2 || r.Tower != "model.vision_tower.encoder.layers" {
		t.Errorf("%+v", r)
	}
	if r := a.Role("model.language_model.layers.1.mlp.up_proj.weight", nil); r.Layer != 1 || r.Tower != "" {
		t.Errorf("%+v", r)
	}
	got, err := a.EditConfig([]byte(config), Facts{Layers: a.Layers(), Vocab: 64})
	if want := `{"model_type":"new_vlm","vision_config":{"num_hidden_layers":3},"text_config":{"num_hidden_layers":2,"vocab_size":64}}`; err != nil || string(got) != want {
		t.Errorf("%s %v", got, err)
	}
}

// TestEncoderAndDecoder: where a config counts an encoder and a decoder, its
// numbers stay.
func TestEncoderAndDecoder(t *testing.T) {
	infos := named(map[string]tensor.Shape{"model.decoder.embed_positions.weight": {7, 4}, "model.decoder.embed_tokens.weight": {64, 4}},
		"model.decoder.embed_positions.weight", "model.decoder.embed_tokens.weight", "model.decoder.layers.1.fc1.weight", "model.decoder.layers.1.fc2.weight", "model.encoder.layers.3.fc1.weight")
	const config = `{"model_type":"whisper","num_hidden_layers":4,"vocab_size":64}`
	a, err := Resolve([]byte(config), infos)
	if err != nil {
		t.Fatal(err)
	}
	got, err := a.EditConfig([]byte(config), Facts{Layers: a.Layers(), Vocab: a.Vocabulary(infos)})
	if err != nil || string(got) != config {
		t.Errorf("%s %v", got, err)
	}
}

// TestNextTokenLayers: layers that predict further tokens are numbered with the
// others, and num_hidden_layers does not count them.
func TestNextTokenLayers(t *testing.T) {
	const config = `{"model_type":"deep","num_hidden_layers":2,"num_nextn_predict_layers":1}`
	a, err := Resolve([]byte(config), named(nil, "model.layers.2.mlp.up_proj.weight"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := a.EditConfig([]byte(config), Facts{Layers: 3}); err != nil || string(got) != config {
		t.Errorf("%s %v", got, err)
	}
}

// TestVocabulary: of several embeddings the one of tokens counts.
func TestVocabulary(t *testing.T) {
	infos := named(map[string]tensor.Shape{"wpe.weight": {16, 4}, "wte.weight": {64, 4}}, "wpe.weight", "wte.weight")
	a, err := Resolve([]byte(`{"model_type":"gpt2"}`), infos)
	if err != nil || a.Vocabulary(infos) != 64 {
		t.Errorf("%d %v", a.Vocabulary(infos), err)
	}
}
