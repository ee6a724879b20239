package nn

import (
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/rouxml/roux/tensor"
)

// with returns a config with some keys set, or deleted for nil.
func with(t testing.TB, config []byte, over map[string]any) []byte {
	t.Helper()
	var c map[string]any
	if err := json.Unmarshal(config, &c); err != nil {
		t.Fatal(err)
	}
	for k, v := range over {
		c[k] = v
		if v == nil {
			delete(c, k)
		}
	}
	out, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A config that asks for what cannot be computed is refused by the name of its
// key.
func TestBadConfig(t *testing.T) {
	llama := goldens(t)["llama"].Config
	for _, c := range []struct {
		over map[string]any
		want string
	}{
		{map[string]any{"model_type": "rwkv"}, `model_type "rwkv" cannot be run; those that can: bert`},
		{map[string]any{"model_type": nil}, "model_type is missing"},
		{map[string]any{"attn_logit_softcapping": 50}, "attn_logit_softcapping is 50, which model type llama is not known to have"},
		{map[string]any{"embedding_multiplier": 12}, "embedding_multiplier"},
		{map[string]any{"use_sliding_window": true}, "use_sliding_window"},
		{map[string]any{"hidden_act": "mish"}, `activation "mish" cannot be run`},
		{map[string]any{"hidden_size": nil}, "hidden_size is missing"},
		{map[string]any{"hidden_size": "48"}, "hidden_size is 48, not a number"},
		{map[string]any{"hidden_size": -4}, "hidden_size is -4"},
		{map[string]any{"num_hidden_layers": 1e7}, "layers are more than any model has"},
		{map[string]any{"num_key_value_heads": 4}, "6 heads cannot share 4"},
		{map[string]any{"attention_bias": 3}, "attention_bias is 3, neither true nor false"},
		{map[string]any{"rope_parameters": map[string]any{"rope_type": "spiral"}}, `rope scaling of type "spiral"`},
		{map[string]any{"rope_parameters": map[string]any{"rope_type": "linear", "stretch": 2}}, `rope setting "stretch" is unknown`},
		{map[string]any{"rope_parameters": map[string]any{"rope_type": "linear", "factor": 0}}, "factor above zero"},
		{map[string]any{"rope_parameters": map[string]any{"rope_type": "longrope", "short_factor": []any{1}}}, "short_factor and long_factor of 4 numbers"},
		{map[string]any{"rope_parameters": 7}, "rope_parameters is 7, not an object"},
		{map[string]any{"layer_types": []any{"full_attention"}}, "layer_types has 1 entries for 3 layers"},
		{map[string]any{"layer_types": []any{"full_attention", "chunked_attention", "full_attention"}}, "chunked_attention in layer 1"},
	} {
		_, err := Parse(with(t, llama, c.over))
		wantError(t, err, c.want)
	}
	_, err := Parse(with(t, goldens(t)["gpt2"].Config, map[string]any{"scale_attn_weights": false}))
	wantError(t, err, "scale_attn_weights is false, and only true can be run")
	_, err = Parse([]byte("{"))
	wantError(t, err, "config.json: ")
	_, err = Open(&memory{}, nil, Options{})
	wantError(t, err, "no config.json")
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want an error with %q", err, want)
	}
}

// Weights that do not fit their config are refused before anything runs.
func TestBadWeights(t *testing.T) {
	g := goldens(t)["llama"]
	open := func(change func(m *memory), over map[string]any) error {
		m := g.source(tensor.BF16)
		if change != nil {
			change(m)
		}
		_, err := Open(m, with(t, g.Config, over), Options{})
		return err
	}
	wantError(t, open(func(m *memory) { m.infos = m.infos[:0] }, nil), "no tensor model.embed_tokens.weight")
	drop := func(name string) func(m *memory) {
		return func(m *memory) {
			for i := range m.infos {
				if m.infos[i].Name == name {
					m.infos[i].Name = "elsewhere"
				}
			}
		}
	}
	wantError(t, open(drop("model.layers.1.mlp.up_proj.weight"), nil), "layer 1: tensor model.layers.1.mlp.up_proj.weight is missing")
	wantError(t, open(drop("lm_head.weight"), nil), "lm_head.weight is missing, and config.json does not say tie_word_embeddings")
	wantError(t, open(nil, map[string]any{"intermediate_size": 81}), "mlp.gate_proj.weight is [80, 48], and config.json makes it [81, 48]")
	wantError(t, open(nil, map[string]any{"attention_bias": true}), "self_attn.q_proj.bias is missing")
	wantError(t, open(func(m *memory) {
		m.add("model.layers.0.self_attn.q_proj.bias", []int{48}, tensor.F32, make([]float32, 48))
	}, nil),
		"model.layers.0.self_attn.q_proj.bias has no place")
	wantError(t, open(func(m *memory) {
		for i := range m.infos {
			if m.infos[i].Name == "model.layers.2.mlp.down_proj.weight" {
				m.infos[i].DType = tensor.I8
			}
		}
	}, nil), "must be floating-point")
}

// A damaged weight is found where it first shows.
func TestBadNumbers(t *testing.T) {
	nan := float32(math.NaN())
	for name, want := range map[string]string{
		"model.layers.1.mlp.down_proj.weight":            "layer 1 is the first with a hidden state that is NaN",
		"model.layers.2.self_attn.k_proj.weight":         "layer 2 is the first",
		"model.embed_tokens.weight":                      "the embedding already has",
		"lm_head.weight":                                 "sequence 0, token 0: the head is the first with NaN",
		"model.layers.0.input_layernorm.weight":          "layer 0 is the first",
		"model.layers.0.post_attention_layernorm.weight": "layer 0 is the first",
	} {
		g := goldens(t)["llama"]
		src := g.source(tensor.F32)
		copy(src.data[name], bits([]float32{nan}))
		m, err := Open(src, g.Config, Options{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = m.Score(t.Context(), [][]int32{{0, 1, 0, 1}}, nil)
		wantError(t, err, want)
	}
}

func TestBadBatch(t *testing.T) {
	g := goldens(t)["llama"]
	m := open(t, g, tensor.BF16, Options{})
	for want, batch := range map[string][][]int32{
		"sequence 1 is empty": {{1}, {}},
		"sequence 0 has 65 tokens, and the model has 64 positions": {make([]int32, 65)},
		"token 96 at 1, and the model has 96":                      {{1, 96}},
		"token -1 at 0":                                            {{-1}},
	} {
		_, err := m.Run(t.Context(), batch, Hooks{})
		wantError(t, err, want)
	}
	c := m.NewCache()
	if _, err := c.Next(t.Context(), make([]int32, 60)); err != nil {
		t.Fatal(err)
	}
	_, err := c.Next(t.Context(), make([]int32, 5))
	wantError(t, err, "65 tokens")
	e := open(t, goldens(t)["bert"], tensor.F32, Options{})
	_, err = e.Score(t.Context(), [][]int32{{1, 2, 3}}, nil)
	wantError(t, err, "it is an encoder")
	_, err = e.NewCache().Next(t.Context(), []int32{1})
	wantError(t, err, "encoder")
}

// A tensor that ends early is an error, not zeros.
func TestShortTensor(t *testing.T) {
	g := goldens(t)["llama"]
	src := g.source(tensor.BF16)
	src.mapped = false
	name := "model.layers.2.mlp.up_proj.weight"
	src.data[name] = src.data[name][:100]
	m, err := Open(src, g.Config, Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = m.Run(t.Context(), g.batch(), Hooks{})
	wantError(t, err, "layer 2: tensor "+name+": unexpected EOF")
}

// Each block's weights are read once for a whole batch.
func TestReadsOnce(t *testing.T) {
	g := goldens(t)["llama"]
	src := g.source(tensor.BF16)
	src.mapped, src.reads = false, map[string]int{}
	m, err := Open(src, g.Config, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var batch [][]int32
	for range 100 {
		batch = append(batch, g.Answers[0].Tokens)
	}
	if _, err := m.Run(t.Context(), batch, Hooks{Hidden: func(Rows) error { return nil }}); err != nil {
		t.Fatal(err)
	}
	for name, n := range src.reads {
		if strings.Contains(name, "layers.") && n != 1 {
			t.Errorf("%s was read %d times", name, n)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, g := range goldens(f) {
		f.Add([]byte(g.Config))
	}
	f.Fuzz(func(t *testing.T, config []byte) {
		a, err := Parse(config)
		if err == nil && (a.Layers < 1 || a.HeadDim < 1 || len(a.layers) != a.Layers) {
			t.Error("an architecture without sizes", a)
		}
	})
}

// The configs that transformers writes for every family, and the keys that well
// known releases have, are understood.
func TestKnownConfigs(t *testing.T) {
	text, err := os.ReadFile("testdata/configs.json")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	for name, config := range all {
		if _, err := Parse(config); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	a, err := Parse(all["Gemma 3 of images"])
	if err != nil {
		t.Fatal(err)
	}
	if l := a.layers; a.HeadDim != 256 || !a.Tied || l[0].window != 1024 || l[5].window != 0 || l[5].rope.factor != 8 || l[0].rope.theta != 1e4 {
		t.Error("Gemma 3:", a)
	}
	if a, err := Parse(all["SmolLM3"]); err != nil || a.layers[3].rope != nil || a.layers[2].rope == nil {
		t.Error("SmolLM3:", a, err)
	}
	if a, err := Parse(all["OPT 350m"]); err != nil || a.pre || !a.noFinal || a.embedDim != 512 {
		t.Error("OPT:", a, err)
	}
}
