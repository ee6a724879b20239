// Package lora knows LoRA adapters as PEFT stores them (Hu et al. 2021, "LoRA:
// Low-Rank Adaptation of Large Language Models"): the names of their tensors,
// their config, and what they add to a weight. It opens no files.
package lora

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
)

// ConfigName is the file whose text a Config is read from.
const ConfigName = "adapter_config.json"

// Config is the part of adapter_config.json that changes what is computed.
type Config struct {
	Type         string   `json:"peft_type"`
	Rank         float64  `json:"r"`
	Alpha        float64  `json:"lora_alpha"`
	RankPattern  Patterns `json:"rank_pattern"`
	AlphaPattern Patterns `json:"alpha_pattern"`
	RSLoRA       bool     `json:"use_rslora"`
	DoRA         bool     `json:"use_dora"`
	FanInFanOut  bool     `json:"fan_in_fan_out"`
	Tied         bool     `json:"ensure_weight_tying"`
}

// ParseConfig reads adapter_config.json and refuses what is computed otherwise
// than LoRA, by the name of the key.
func ParseConfig(text []byte) (Config, error) {
	c := Config{Rank: 8, Alpha: 8} // PEFT's defaults
	if err := json.Unmarshal(text, &c); err != nil {
		return c, fmt.Errorf("%s: %w", ConfigName, err)
	}
	if c.Type != "LORA" {
		return c, fmt.Errorf("%s: peft_type %q: only LORA can be read (merge it into its base with PEFT's merge_and_unload, and name the result as a model)", ConfigName, c.Type)
	}
	if math.IsNaN(c.Alpha) || c.Rank < 1 {
		return c, fmt.Errorf("%s: r %g and lora_alpha %g make no scale", ConfigName, c.Rank, c.Alpha)
	}
	return c, refused(text)
}

// foreign are keys that, when set, make an adapter something else than LoRA.
var foreign = []struct{ key, what, cure string }{
	{"use_qalora", "QALoRA", ""},
	{"use_bdlora", "block-diagonal LoRA", ""},
	{"arrow_config", "Arrow routing", "it has no merged form"},
	{"kasa_config", "KaSA", ""},
	{"monteclora_config", "Monte Carlo LoRA", ""},
	{"alora_invocation_tokens", "activated LoRA", "it has no merged form"},
	{"layer_replication", "LoRA over replicated layers", "stack the layers with resize.stack first"},
	{"target_parameters", "LoRA on bare parameters", ""},
	{"trainable_token_indices", "trained tokens", ""},
}

// mutating are ways to begin training that also change the base.
var mutating = []string{"pissa", "olora", "corda", "lora_ga", "loftq"}

func refused(text []byte) error {
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(text, &keys); err != nil {
		return fmt.Errorf("%s: %w", ConfigName, err)
	}
	for _, f := range foreign {
		switch v := string(keys[f.key]); v {
		case "", "null", "false", "[]", "{}":
			continue
		}
		cure := f.cure
		if cure == "" {
			cure = "merge it into its base with PEFT's merge_and_unload, and name the result as a model"
		}
		return fmt.Errorf("%s: %s: %s is computed otherwise than LoRA and cannot be read (%s)", ConfigName, f.key, f.what, cure)
	}
	var began string
	if json.Unmarshal(keys["init_lora_weights"], &began) != nil {
		return nil // true or false
	}
	if slices.ContainsFunc(mutating, func(m string) bool { return strings.HasPrefix(strings.ToLower(began), m) }) {
		return fmt.Errorf("%s: init_lora_weights %q: its base is not the model that it was trained from (save it with path_initial_model_for_weight_conversion, which makes plain LoRA of it)", ConfigName, began)
	}
	return nil
}

// Scale is what the product of a module's factors is multiplied by.
func (c Config) Scale(module string, rank int) float64 {
	alpha, r := c.AlphaPattern.find(module, c.Alpha), float64(rank)
	if c.RSLoRA {
		return alpha / math.Sqrt(r)
	}
	return alpha / r
}
