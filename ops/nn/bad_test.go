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
		{map[string]any{"hidden_act": "mish"}, `hidden_act is "mish": this activation cannot be run; those that can: gelu, gelu_accurate`},
		{map[string]any{"hidden_size": nil}, "hidden_size is missing"},
		{map[string]any{"hidden_size": "48"}, "hidden_size is 48, not a number"},
		{map[string]any{"hidden_size": -4}, "hidden_size is -4"},
		{map[string]any{"num_hidden_layers": 1e7}, "layers are more than any model has"},
		{map[string]any{"num_key_value_heads": 4}, "num_key_value_heads is 4, or is missing and taken for it, and 6 heads (num_attention_heads) cannot share"},
		{map[string]any{"attention_bias": 3}, "attention_bias is 3, neither true nor false"},
		{map[string]any{"rope_parameters": map[string]any{"rope_type": "spiral"}}, `rope_type is "spiral", a rope scaling that cannot be run`},
		{map[string]any{"rope_parameters": map[string]any{"rope_type": "linear", "stretch": 2}}, `rope setting "stretch" is unknown`},
		{map[string]any{"rope_parameters": map[string]any{"rope_type": "linear", "factor": 0}}, "factor of the rope scaling is 0, and must be above zero"},
		{map[string]any{"rope_parameters": map[string]any{"rope_type": "longrope", "short_factor": []any{1}}}, "short_factor and long_factor of 4 numbers"},
		{map[string]any{"rope_parameters": 7}, "rope_parameters is 7, not an object"},
		{turned("linear", "factor", "x"), "factor is x, not a number"},
		{turned("linear"), "factor is missing, and rope scaling linear needs it"},
		{turned("llama3", "factor", 8, "high_freq_factor", 4), "low_freq_factor is missing, and rope scaling llama3 needs it"},
		{turned("yarn", "factor", 4, "attention_factor", 0), "attention_factor of the rope scaling is 0, and must be above zero"},
		{turned("yarn", "factor", 4, "beta_slow", 0), "beta_slow of the rope scaling is 0"},
		{turned("yarn", "factor", 4, "truncate", 0), "truncate is 0, neither true nor false"},
		{turned("longrope", "short_factor", []any{1, nil}), "short_factor has <nil> at 1, and must have numbers above zero"},
		{turned("default", "rope_theta", 1), "rope_theta is 1, and must be above 1"},
		{map[string]any{"rms_norm_eps": json.RawMessage("null")}, "rms_norm_eps must be a number that is not negative"},
		{map[string]any{"eos_token_id": []any{1, "x"}}, "eos_token_id is [1 x], neither a token's number nor a list of them"},
		{map[string]any{"rms_norm_eps": -1}, "rms_norm_eps must be a number that is not negative"},
		{map[string]any{"hidden_size": 2}, "hidden_size is 2, which is less than one for each of 6 heads"},
		{map[string]any{"rope_scaling": map[string]any{"rope_type": "linear", "factor": 2}}, "rope_parameters and rope_scaling differ"},
		{map[string]any{"partial_rotary_factor": 0.5}, "partial_rotary_factor is 0.5, and in this model type a rotation of type default turns whole heads"},
		{map[string]any{"layer_types": []any{"full_attention", "full_attention", "sliding_attention"}}, "layer_types has sliding_attention in layer 2"},
		{map[string]any{"layer_types": []any{"full_attention"}}, "layer_types has 1 entries for 3 layers"},
		{map[string]any{"layer_types": []any{"full_attention", "chunked_attention", "full_attention"}}, "chunked_attention in layer 1"},
	} {
		_, err := Parse(with(t, llama, c.over))
		wantError(t, err, c.want)
	}
	_, err := Parse([]byte("{"))
	wantError(t, err, "config.json: ")
	_, err = Open(&memory{}, nil, Options{})
	wantError(t, err, "no config.json")
}

// turned is a config whose rotation has a type and other settings.
func turned(kind string, settings ...any) map[string]any {
	m := map[string]any{"rope_type": kind}
	for i := 0; i < len(settings); i += 2 {
		m[settings[i].(string)] = settings[i+1]
	}
	return map[string]any{"rope_parameters": m}
}

// What a family does not compute as transformers does is refused by the name of
// its key; so is what contradicts the keys that the family reads.
func TestBadFamilyConfig(t *testing.T) {
	sliding := []any{"full_attention", "sliding_attention", "full_attention"}
	for _, c := range []struct {
		golden string
		over   map[string]any
		want   string
	}{
		{"gpt2", map[string]any{"scale_attn_weights": false}, "scale_attn_weights is false, and only true can be run"},
		{"gemma", map[string]any{"hidden_activation": "silu"}, "hidden_activation is silu, and only gelu_pytorch_tanh can be run"},
		{"gemma3", map[string]any{"attn_logit_softcapping": 50}, "attn_logit_softcapping is 50"},
		{"gemma3", map[string]any{"rope_scaling": map[string]any{"type": "linear", "factor": 8}}, `"linear" must stand under rope_type`},
		{"gemma3", map[string]any{"rope_scaling": map[string]any{"rope_type": "yarn", "factor": 8, "truncate": false}}, "truncate is false, which has no effect"},
		{"gpt_neox", map[string]any{"rope_theta": 500}, "rope_theta is 500, and what this model type reads (rotary_emb_base) makes it 10000: remove it"},
		{"gpt_neox", map[string]any{"partial_rotary_factor": 0.5}, "partial_rotary_factor is 0.5, and what this model type reads (rotary_pct) makes it 0.25"},
		{"stablelm", map[string]any{"rope_scaling": map[string]any{"rope_type": "proportional"}}, "partial_rotary_factor is 0.25, and in this model type a rotation of type proportional"},
		{"phi3", map[string]any{"partial_rotary_factor": 0.4}, "make a rotation of 3 elements: it must be even"},
		{"phi3", map[string]any{"partial_rotary_factor": 2.5}, "partial_rotary_factor is 2.5, and must be above 0 and at most 1"},
		{"gpt_neox", map[string]any{"rotary_pct": -1}, "rotary_pct is -1, and must be above 0"},
		{"gpt_neox", map[string]any{"rotary_emb_base": 0}, "rotary_emb_base is 0, and must be above 1"},
		{"gemma2", map[string]any{"query_pre_attn_scalar": 0}, "query_pre_attn_scalar is 0, and must be above zero"},
		{"gemma2", map[string]any{"attn_logit_softcapping": 0}, "attn_logit_softcapping is 0, and must be above zero"},
		{"gemma3", map[string]any{"sliding_window_pattern": 2.5}, "sliding_window_pattern is 2.5, not a whole number of 1 or more"},
		{"granite", map[string]any{"logits_scaling": 0}, "logits_scaling is 0, and must be above zero"},
		{"smollm3", map[string]any{"no_rope_layers": []any{1, "x", 1, 1}}, "no_rope_layers has x for layer 1, and may have 0 and 1"},
		{"qwen2", map[string]any{"max_window_layers": -1}, "max_window_layers is -1, not a whole number of 0 or more"},
		{"qwen3_moe", map[string]any{"mlp_only_layers": []any{nil}}, "mlp_only_layers has <nil>, which is no number of a layer"},
		{"qwen3_moe", map[string]any{"decoder_sparse_step": 0}, "decoder_sparse_step is 0, not a whole number of 1 or more"},
		{"qwen3_moe", map[string]any{"num_experts_per_tok": 9}, "num_experts_per_tok is 9, of 6 experts"},
		{"qwen3_moe", map[string]any{"use_sliding_window": true, "sliding_window": 8, "layer_types": sliding}, "layer_types has full_attention in layer 0"},
		{"smollm3", map[string]any{"sliding_window": 8, "layer_types": append(sliding, "full_attention")}, "layer_types has sliding_attention in layer 1"},
		{"mixtral", map[string]any{"layer_types": sliding}, "layer_types has sliding_attention in layer 1"},
	} {
		_, err := Parse(with(t, goldens(t)[c.golden].Config, c.over))
		wantError(t, err, c.want)
	}
}

// Keys that say what the family says, or nothing, are no contradiction.
func TestHarmlessConfig(t *testing.T) {
	for golden, over := range map[string]map[string]any{
		"gpt_neox": {"rope_theta": 10000, "partial_rotary_factor": 0.25},
		"mixtral":  {"num_local_experts": nil, "num_experts": 5},
		"mistral":  {"layer_types": []any{"sliding_attention", "full_attention", "sliding_attention"}},
		"llama":    {"layer_types": []any{"full_attention", "full_attention", "full_attention"}, "partial_rotary_factor": 1},
		"gemma3":   {"_sliding_window_pattern": 2, "attn_logit_softcapping": json.RawMessage("null")},
	} {
		a, err := Parse(with(t, goldens(t)[golden].Config, over))
		if err != nil {
			t.Errorf("%s: %v", golden, err)
			continue
		}
		switch golden {
		case "mistral":
			if a.layers[0].window != 8 || a.layers[1].window != 0 {
				t.Error("mistral with layer_types:", a.layers)
			}
		case "mixtral":
			if a.Experts != 5 {
				t.Error("mixtral has", a.Experts, "experts")
			}
		case "gemma3":
			if a.layers[1].window == 0 || a.layers[2].window != 0 {
				t.Error("gemma3:", a.layers)
			}
		}
	}
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
