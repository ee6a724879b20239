package moe

import (
	"encoding/json"
	"fmt"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/jsontext"
)

// setting is a key of config.json and its value in JSON; an empty value takes
// the key out.
type setting struct{ key, value string }

// denseOnly are keys about dense MLPs, remote code and layers, which a mixture
// does not have or decides by itself.
var denseOnly = []string{"mlp_bias", "pretraining_tp", "layer_types", "auto_map"}

// fromDenseRide makes the dense config that of the family.
func fromDenseRide(p *fromDense, in []ops.Header, out *tensor.Model) error {
	l, err := layOut(p, in)
	if err != nil || out.Config == nil {
		return err
	}
	if !json.Valid(out.Config) {
		return fmt.Errorf("%s: config.json is no JSON", in[0].Name)
	}
	config := out.Config
	for _, key := range denseOnly {
		config = jsontext.Drop(config, key)
	}
	for _, s := range l.config(p) {
		if s.value == "" {
			config = jsontext.Drop(config, s.key)
		} else {
			config = jsontext.Set(config, s.value, s.key)
		}
	}
	out.Config, out.Family = config, l.family.name
	return nil
}

func (l *built) config(p *fromDense) []setting {
	experts, each, width := fmt.Sprint(len(p.Experts)), fmt.Sprint(p.ExpertsPerToken), fmt.Sprint(l.width())
	all := []setting{{"model_type", quote(l.family.name)}, {"num_experts_per_tok", each}}
	switch l.family.name {
	case "mixtral":
		return append(all, setting{"architectures", `["MixtralForCausalLM"]`}, setting{"num_local_experts", experts}, setting{"sliding_window", "null"}, setting{"attention_bias", ""})
	case "deepseek":
		shared := "null"
		if len(p.Shared) > 0 {
			shared = "1"
		}
		return append(all, setting{"architectures", `["DeepseekForCausalLM"]`}, setting{"n_routed_experts", experts}, setting{"n_shared_experts", shared},
			setting{"first_k_dense_replace", "0"}, setting{"moe_layer_freq", "1"}, setting{"scoring_func", `"softmax"`}, setting{"norm_topk_prob", "true"},
			setting{"moe_intermediate_size", width}, setting{"auto_map", deepseekCode})
	case "qwen2_moe":
		return append(all, setting{"architectures", `["Qwen2MoeForCausalLM"]`}, setting{"num_experts", experts}, setting{"decoder_sparse_step", "1"}, setting{"norm_topk_prob", "true"},
			setting{"moe_intermediate_size", width}, setting{"shared_expert_intermediate_size", width}, setting{"sliding_window", "null"}, setting{"use_sliding_window", "false"},
			setting{"mlp_only_layers", "[]"}, setting{"attention_bias", ""})
	}
	return append(all, setting{"architectures", `["Qwen3MoeForCausalLM"]`}, setting{"num_experts", experts}, setting{"decoder_sparse_step", "1"}, setting{"norm_topk_prob", "true"},
		setting{"moe_intermediate_size", width}, setting{"mlp_only_layers", "[]"})
}

// deepseekCode names the code that runs the first DeepSeek mixtures, which
// transformers does not have itself. roux never runs it.
const deepseekCode = `{
    "AutoConfig": "deepseek-ai/deepseek-moe-16b-base--configuration_deepseek.DeepseekConfig",
    "AutoModel": "deepseek-ai/deepseek-moe-16b-base--modeling_deepseek.DeepseekModel",
    "AutoModelForCausalLM": "deepseek-ai/deepseek-moe-16b-base--modeling_deepseek.DeepseekForCausalLM"
  }`

// width is how many columns an expert's down projection has.
func (l *built) width() int {
	m := l.mlps[0]
	if m.kind == tensor.MLPDown {
		return m.info.Shape[1]
	}
	return m.info.Shape[0]
}

func quote(s string) string {
	text, _ := json.Marshal(s) // a string always can be
	return string(text)
}
