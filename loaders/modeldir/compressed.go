package modeldir

import (
	"encoding/json"
	"fmt"

	"github.com/rouxml/roux/loaders"
	"github.com/rouxml/roux/loaders/arch"
	"github.com/rouxml/roux/loaders/safetensors"
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/jsontext"
)

// Compressed is the format of quantized models that vLLM and transformers load.
var Compressed = loaders.Format{
	Name: "compressed-tensors", Version: 1, Doc: "A model directory whose int4 and int8 tensors keep their codes, as vLLM and transformers load it.",
	Stores: func(info tensor.Info) error {
		if info.Quant != nil && info.Quant.Block != tensor.NoBlock {
			return fmt.Errorf("compressed-tensors cannot store %s: put a step with op: edit.cast or op: quantize.rtn before the output", info.Quant)
		}
		if info.Quant != nil && len(info.Shape) > 2 {
			return fmt.Errorf("compressed-tensors cannot store %s of shape %v, only of matrices: let the experts lie one by one (moe.unstack, or leave out moe.stack), or put a step with op: edit.cast before the output", info.Quant, info.Shape)
		}
		if info.Quant != nil && (len(info.Shape) != 2 || info.Quant.Bits != 4 && info.Quant.Bits != 8) {
			return fmt.Errorf("compressed-tensors cannot store %s of shape %v: quantize matrices alone, to 4 or 8 bits", info.Quant, info.Shape)
		}
		return nil
	},
	Sniff: isCompressed, Open: OpenCompressed, Create: createCompressed,
	Files: func(m *tensor.Model, o loaders.WriteOptions) ([]loaders.FileSize, error) {
		if err := noAdapter(m); err != nil {
			return nil, err
		}
		if _, err := quantizationConfig(m); err != nil { // a plan says it, not only Create
			return nil, err
		}
		weights, err := safetensors.CompressedLayout("model", o.ShardBytes, m.Weights.Infos())
		return beside(m, weights), err
	},
}

func createCompressed(dir string, m *tensor.Model, o loaders.WriteOptions) (tensor.Sink, error) {
	if err := noAdapter(m); err != nil {
		return nil, err
	}
	q, err := quantizationConfig(m)
	if err != nil {
		return nil, err
	}
	if q != nil && tied(m) {
		// The head is a Linear of its own to a loader, and it is the plain embedding.
		q["ignore"] = append(q["ignore"].([]string), "lm_head")
	}
	s := &sink{dir: dir, model: m, Sink: safetensors.NewCompressed(safetensors.Create(dir, "model", o.ShardBytes))}
	s.edit = func(config []byte) ([]byte, error) { return addQuantization(config, q) }
	return s, nil
}

// quantizationConfig is what config.json says of a model's codes, which are of
// one scheme.
func quantizationConfig(m *tensor.Model) (map[string]any, error) {
	return safetensors.QuantizationConfig(m.Weights.Infos(), func(info tensor.Info) bool {
		return len(info.Shape) == 2 && m.Roles.Role(info.Name, info.Shape).Kind != tensor.Embed
	})
}

func tied(m *tensor.Model) bool {
	a, err := arch.Resolve(m.Config, m.Weights.Infos())
	return err == nil && a.Tied(m.Config, m.Weights.Infos())
}

// addQuantization puts quantization_config at the end of config.json.
func addQuantization(config []byte, q map[string]any) ([]byte, error) {
	text, err := json.MarshalIndent(q, "  ", "  ")
	if err != nil || q == nil {
		return config, err
	}
	return jsontext.Set(config, string(text), "quantization_config"), nil
}
