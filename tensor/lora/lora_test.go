package lora

import (
	"strings"
	"testing"

	"github.com/rouxml/roux/tensor"
)

// TestRefused: what is computed otherwise than LoRA is refused by name.
func TestRefused(t *testing.T) {
	for name, c := range map[string]struct{ config, want string }{
		"other":      {`{"peft_type":"LOHA"}`, `peft_type "LOHA"`},
		"qalora":     {`{"peft_type":"LORA","use_qalora":true}`, "use_qalora"},
		"arrow":      {`{"peft_type":"LORA","arrow_config":{"top_k":2}}`, "arrow_config"},
		"tokens":     {`{"peft_type":"LORA","trainable_token_indices":[3]}`, "trainable_token_indices"},
		"parameters": {`{"peft_type":"LORA","target_parameters":["mlp.experts.down_proj"]}`, "target_parameters"},
		"pissa":      {`{"peft_type":"LORA","init_lora_weights":"pissa_niter_4"}`, "path_initial_model_for_weight_conversion"},
		"rank":       {`{"peft_type":"LORA","r":0}`, "make no scale"},
		"pattern":    {`{"peft_type":"LORA","rank_pattern":{"(":3}}`, "regular expression"},
		"no object":  {`[1]`, ConfigName},
	} {
		if _, err := ParseConfig([]byte(c.config)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ParseConfig([]byte(`{"peft_type":"LORA","use_qalora":false,"arrow_config":null,"loftq_config":{},"init_lora_weights":"gaussian","rank_pattern":null}`)); err != nil {
		t.Error(err)
	}
}

// TestScale: patterns match the ends of names, the first that does counts, and
// rank stabilisation changes the factor.
func TestScale(t *testing.T) {
	c, err := ParseConfig([]byte(`{"peft_type":"LORA","lora_alpha":16,"alpha_pattern":{"layers.1.mlp.up_proj":24,"mlp.(up|down)_proj":4}}`))
	if err != nil {
		t.Fatal(err)
	}
	for module, want := range map[string]float64{"model.layers.0.mlp.up_proj": 0.5, "model.layers.1.mlp.up_proj": 3, "model.layers.0.self_attn.q_proj": 2, "model.layers.0.xmlp.up_proj": 2} {
		if s := c.Scale(module, 8); s != want {
			t.Errorf("%s: %v, want %v", module, s, want)
		}
	}
	c.RSLoRA = true
	if s := c.Scale("q", 16); s != 4 {
		t.Errorf("rank-stabilised: %v", s)
	}
}

// TestSplit: every spelling that PEFT has used for a part is known.
func TestSplit(t *testing.T) {
	for name, want := range map[string]Name{
		"base_model.model.a.q.lora_A.weight":                {"a.q", A, false},
		"base_model.model.a.q.lora_B.default.weight":        {"a.q", B, false},
		"base_model.model.a.q.lora_B.bias":                  {"a.q", Bias, false},
		"base_model.model.e.lora_embedding_A":               {"e", A, true},
		"base_model.model.e.lora_embedding_B.default":       {"e", B, true},
		"base_model.model.a.q.lora_magnitude_vector":        {"a.q", Magnitude, false},
		"base_model.model.a.q.base_layer.bias":              {"a.q.bias", Whole, false},
		"base_model.model.n.modules_to_save.default.weight": {"n.weight", Whole, false},
		"base_model.model.n.modules_to_save.weight":         {"n.weight", Whole, false},
		"base_model.model.default.q.lora_A.weight":          {"default.q", A, false},
		"base_model.model.n.weight":                         {"n.weight", Whole, false},
		"base_model.model.n.weight.roux_report":             {"n.weight", Report, false},
	} {
		if got, err := Split(name); err != nil || got != want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for _, name := range []string{"base_model.model.a.lora_E", "base_model.model.e.token_adapter.trainable_tokens_delta"} {
		if n, err := Split(name); err == nil {
			t.Errorf("%s: %+v", name, n)
		}
	}
}

// TestMisfits: factors that make no adapter are refused with their module.
func TestMisfits(t *testing.T) {
	type tensors map[string]tensor.Shape
	for want, ts := range map[string]tensors{
		"lacks one of its two factors": {"a.lora_A.weight": {2, 3}},
		"cannot be multiplied":         {"a.lora_A.weight": {2, 3}, "a.lora_B.weight": {4, 3}},
		"are no matrices":              {"a.lora_A.weight": {0}, "a.lora_B.weight": {4, 2}},
		"magnitudes for 4 outputs":     {"a.lora_A.weight": {2, 3}, "a.lora_B.weight": {4, 2}, "a.lora_magnitude_vector": {3}},
		"a bias of [3] for 4 outputs":  {"a.lora_A.weight": {2, 3}, "a.lora_B.weight": {4, 2}, "a.lora_B.bias": {3}},
		"has a part twice":             {"a.lora_A.weight": {2, 3}, "a.lora_A.default.weight": {2, 3}, "a.lora_B.weight": {4, 2}},
		"is there twice":               {"n.weight": {3}, "n.modules_to_save.weight": {3}},
	} {
		var infos []tensor.Info
		for name, shape := range ts {
			infos = append(infos, tensor.Info{Name: Prefix + name, DType: tensor.F32, Shape: shape})
		}
		if _, err := Read([]byte(`{"peft_type":"LORA"}`), infos); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// TestRecord: a record survives being stored in bfloat16's range.
func TestRecord(t *testing.T) {
	for _, want := range []Record{{}, {Change: 1e-300, Error: 0.5, Weight: 2, Rank: 1}, {Change: 3, Error: 0.5, Weight: 2, Rank: 1000}} {
		x := make([]float32, recordLen)
		want.Put(x)
		got, ok := ParseRecord(x)
		if !ok || got.Rank != want.Rank || got.Unchanged() != want.Unchanged() || got.Error != want.Error {
			t.Errorf("%+v became %+v", want, got)
		}
	}
	if _, ok := ParseRecord([]float32{1, 2}); ok {
		t.Error("two numbers are no record")
	}
}

// FuzzRead: no config and no names make Read panic, and what it takes is LoRA.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"peft_type":"LORA","r":8,"lora_alpha":16,"alpha_pattern":{"a":1}}`), "base_model.model.a.lora_A.weight", "base_model.model.a.lora_B.weight", 2, 3)
	f.Add([]byte(`{"peft_type":"LORA","use_dora":true}`), "a.lora_embedding_A", "a.lora_embedding_B", 0, 3)
	f.Fuzz(func(t *testing.T, config []byte, first, second string, rank, cols int) {
		infos := []tensor.Info{{Name: first, DType: tensor.F32, Shape: tensor.Shape{rank & 0xff, cols & 0xff}}, {Name: second, DType: tensor.F32, Shape: tensor.Shape{cols & 0xff, rank & 0xff}}}
		l, err := Read(config, infos)
		if err != nil {
			return
		}
		if l.Config.Type != "LORA" {
			t.Error("a foreign adapter got through")
		}
		for _, m := range l.Modules {
			if m.Rank < 1 {
				t.Errorf("rank %d", m.Rank)
			}
		}
	})
}
