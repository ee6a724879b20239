package moe

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/tensor"
)

// family says what a family of mixtures calls its tensors, and from what dense
// models it can be made.
type family struct {
	name   string
	dense  []string // model types that it can be made of
	block  string   // stands before the router and the experts: "mlp"
	shared string   // stands before the shared expert, below the block; empty without one
	gated  bool     // the shared expert has a gate of its own
	qkv    bool     // queries, keys and values have biases
	bias   bool     // attention may have biases as the dense model has them
	parts  map[tensor.Kind]string
}

var projections = map[tensor.Kind]string{tensor.MLPGate: "gate_proj", tensor.MLPUp: "up_proj", tensor.MLPDown: "down_proj"}

// families in the order in which `auto` tries them.
var families = []family{
	{name: "mixtral", dense: []string{"llama", "mistral"}, block: "block_sparse_moe",
		parts: map[tensor.Kind]string{tensor.MLPGate: "w1", tensor.MLPUp: "w3", tensor.MLPDown: "w2"}},
	{name: "deepseek", dense: []string{"llama", "mistral"}, block: "mlp", shared: "shared_experts", bias: true, parts: projections},
	{name: "qwen2_moe", dense: []string{"llama", "mistral", "qwen2"}, block: "mlp", shared: "shared_expert", gated: true, qkv: true, parts: projections},
	{name: "qwen3_moe", dense: []string{"qwen3"}, block: "mlp", parts: projections},
}

// expert names a part of an expert of a layer.
func (f family) expert(layer string, e int, kind tensor.Kind) string {
	return layer + "." + f.block + ".experts." + strconv.Itoa(e) + "." + f.parts[kind] + ".weight"
}

func (f family) sharedExpert(layer string, kind tensor.Kind) string {
	return layer + "." + f.block + "." + f.shared + "." + f.parts[kind] + ".weight"
}

func (f family) router(layer string) string { return layer + "." + f.block + ".gate.weight" }

func (f family) sharedGate(layer string) string {
	return layer + "." + f.block + ".shared_expert_gate.weight"
}

// modelType reads the model_type of a config; empty without one.
func modelType(config []byte) string {
	var c struct {
		ModelType string `json:"model_type"`
	}
	if json.Unmarshal(config, &c) != nil {
		return "" // who needs the config says what is wrong with it
	}
	return c.ModelType
}

// choose picks the family that was asked for, or the first that the models and
// the shared experts fit.
func choose(p *fromDense, in []ops.Header) (family, error) {
	base := modelType(in[0].Config)
	for _, h := range in[1:] {
		if t := modelType(h.Config); t != base {
			return family{}, fmt.Errorf("%s is a %s and %s a %s: experts and base must be of one family", in[0].Name, typeText(base), h.Name, typeText(t))
		}
	}
	var first error
	for _, f := range families {
		if p.Family != "auto" && p.Family != f.name {
			continue
		}
		err := f.fits(p, base)
		if err == nil {
			return f, nil
		}
		if first == nil || slices.Contains(f.dense, base) {
			first = err
		}
	}
	return family{}, first
}

func typeText(t string) string {
	if t == "" {
		return "model without model_type"
	}
	return t
}

// fits says why a family cannot be made of the models. Weights without a
// config are taken as they are.
func (f family) fits(p *fromDense, base string) error {
	switch n := len(p.Shared); {
	case base != "" && !slices.Contains(f.dense, base):
		return fmt.Errorf("%s cannot be made of %s models: its experts come from %v", f.name, base, f.dense)
	case f.shared == "" && n > 0:
		return fmt.Errorf("%s has no shared experts: leave them out, or choose another family", f.name)
	case n > 1:
		return fmt.Errorf("%s takes one shared expert, found %d", f.name, n)
	case f.gated && n == 0:
		return fmt.Errorf("%s needs one shared expert: name it in shared_experts", f.name)
	case f.gated && p.prompted() && !p.Shared[0].prompted():
		return fmt.Errorf("the shared expert of %s has a gate: give it positive_prompts, or use gate_mode: random", f.name)
	case !f.gated && n > 0 && p.Shared[0].prompted():
		return fmt.Errorf("the shared expert of %s has no gate: leave its prompts out", f.name)
	}
	return nil
}
