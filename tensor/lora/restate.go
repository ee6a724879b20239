package lora

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/rouxml/roux/tensor"
)

// Blank is the config of an adapter without modules, for a model of that
// config.json. What generates text from left to right is told to PEFT as such.
func Blank(model []byte, fanInFanOut, tied bool) []byte {
	var c struct {
		Architectures []string `json:"architectures"`
	}
	var task any
	if json.Unmarshal(model, &c) == nil && slices.ContainsFunc(c.Architectures, func(s string) bool {
		return strings.HasSuffix(s, "ForCausalLM") || strings.HasSuffix(s, "LMHeadModel")
	}) {
		task = "CAUSAL_LM"
	}
	text, _ := json.Marshal(map[string]any{ // of constants alone: it cannot fail
		"peft_type": "LORA", "task_type": task, "base_model_name_or_path": nil, "inference_mode": true,
		"lora_dropout": 0.0, "bias": "none", "init_lora_weights": true, "use_rslora": false, "use_dora": false,
		"fan_in_fan_out": fanInFanOut, "ensure_weight_tying": tied,
	})
	return text
}

// Restate writes an adapter's modules into its config: ranks and scales as they
// are, those that differ from the largest rank's by name; which modules have
// factors, and which are saved whole. Modules that every layer has go by their
// last names alone, as people write them.
func Restate(config []byte, modules []Module, saved []string, roles tensor.Roles) ([]byte, error) {
	keys := map[string]any{}
	if err := json.Unmarshal(config, &keys); err != nil {
		return nil, fmt.Errorf("%s: %w", ConfigName, err)
	}
	most, alpha := 0, 0.0
	for _, m := range modules {
		if m.Rank > most {
			most, alpha = m.Rank, alphaOf(m)
		}
	}
	ranks, alphas := map[string]any{}, map[string]any{}
	var targets []string
	for _, m := range modules {
		targets = append(targets, m.Name)
		if m.Rank != most {
			ranks[m.Name] = m.Rank
		}
		if alphaOf(m) != alpha {
			alphas[m.Name] = number(alphaOf(m))
		}
	}
	keys["r"], keys["lora_alpha"] = max(most, 1), number(alpha)
	keys["rank_pattern"], keys["alpha_pattern"] = ranks, alphas
	keys["use_rslora"], keys["use_dora"], keys["lora_bias"] = false, false, false
	for _, narrower := range []string{"exclude_modules", "layers_to_transform", "layers_pattern"} {
		delete(keys, narrower)
	}
	keys["target_modules"] = short(targets, roles)
	keys["modules_to_save"] = nil
	// PEFT makes the head of the embedding by itself when told so.
	tied := keys["ensure_weight_tying"] == true && slices.Contains(saved, TiedHead)
	keys["ensure_weight_tying"] = tied
	if tied {
		saved = slices.DeleteFunc(slices.Clone(saved), func(s string) bool { return s == TiedHead })
	}
	whole, biases := savedModules(saved, modules)
	if len(whole) > 0 {
		keys["modules_to_save"] = short(whole, roles)
	}
	keys["bias"] = "none"
	if biases {
		keys["bias"] = "lora_only"
	}
	return json.MarshalIndent(keys, "", "  ")
}

// TiedHead is the tensor that PEFT stores twice when it is the embedding.
const TiedHead = "lm_head.weight"

func alphaOf(m Module) float64 { return m.Scale * float64(m.Rank) }

// number writes a whole number as one, as PEFT does.
func number(x float64) any {
	if x == math.Trunc(x) && math.Abs(x) < 1<<53 {
		return int64(x)
	}
	return x
}

// savedModules are the modules of whole tensors, but for biases beside factors.
func savedModules(saved []string, modules []Module) (whole []string, biases bool) {
	factored := map[string]bool{}
	for _, m := range modules {
		factored[m.Name] = true
	}
	for _, name := range saved {
		i := strings.LastIndexByte(name, '.')
		switch {
		case i < 0:
		case factored[name[:i]]:
			biases = true
		case !slices.Contains(whole, name[:i]):
			whole = append(whole, name[:i])
		}
	}
	return whole, biases
}

// short takes the last name of modules that are there once in every layer, and
// the whole name of others.
func short(modules []string, roles tensor.Roles) []string {
	layers := map[string]map[int]int{}
	last := func(m string) string { return m[strings.LastIndexByte(m, '.')+1:] }
	layer := func(m string) int { return roles.Role(m+".weight", tensor.Shape{1}).Layer }
	for _, m := range modules {
		if layers[last(m)] == nil {
			layers[last(m)] = map[int]int{}
		}
		layers[last(m)][layer(m)]++
	}
	out := []string{}
	for _, m := range modules {
		name := m
		if of := layers[last(m)]; of[-1] == 0 && roles.Layers() > 0 && len(of) >= roles.Layers() {
			name = last(m)
		}
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}
