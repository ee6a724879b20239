package lora

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
)

// Prefix is what PEFT puts before every module's name.
const Prefix = "base_model.model."

// Part is what a tensor of an adapter is for.
type Part uint8

// The parts of an adapter.
const (
	Whole     Part = iota // takes the place of a tensor of the base
	A                     // rank x in
	B                     // out x rank
	Magnitude             // DoRA's norms
	Bias                  // what lora_B adds to a bias
	Report                // what an extraction came to; see Record
	original              // what a saved module was before
)

// endings tell the parts; embeddings have no module of their own for the
// factors and so no ".weight".
var endings = []struct {
	end       string
	part      Part
	embedding bool
}{
	{".lora_A.weight", A, false}, {".lora_B.weight", B, false}, {".lora_B.bias", Bias, false},
	{".lora_embedding_A", A, true}, {".lora_embedding_B", B, true},
	{".lora_magnitude_vector", Magnitude, false}, {".lora_magnitude_vector.weight", Magnitude, false},
	{reportEnd, Report, false},
}

const reportEnd = ".roux_report"

// unnamed finds the adapter's name, which a copy of a state dict has.
var unnamed = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(\.(?:lora_[AB]|lora_embedding_[AB]|lora_magnitude_vector|modules_to_save))\.default(\.|$)`)
})

// Name is a tensor's name taken apart.
type Name struct {
	Module    string // such as "model.layers.0.mlp.up_proj"; of Whole and Report, the base's tensor
	Part      Part
	Embedding bool
}

// Split takes a tensor's name apart.
func Split(name string) (Name, error) {
	n := strings.TrimPrefix(name, Prefix)
	n = unnamed().ReplaceAllString(n, "$1$2")
	for _, e := range endings {
		if module, ok := strings.CutSuffix(n, e.end); ok {
			return Name{module, e.part, e.embedding}, nil
		}
	}
	switch {
	case strings.Contains(n, "trainable_tokens"):
		return Name{}, fmt.Errorf("tensor %s: trained tokens cannot be read (merge the adapter into its base with PEFT first)", name)
	case strings.Contains(n, ".lora_"), strings.Contains(n, "ranknum"):
		return Name{}, fmt.Errorf("tensor %s is no part of LoRA that is known", name)
	case strings.Contains(n, ".original_module."):
		return Name{Module: n, Part: original}, nil
	}
	n = strings.Replace(n, ".modules_to_save.", ".", 1)
	n = strings.Replace(n, ".base_layer.", ".", 1)
	return Name{Module: n, Part: Whole}, nil
}

// String is the name as PEFT stores it.
func (n Name) String() string {
	switch n.Part {
	case Whole:
		return Prefix + n.Module
	case Report:
		return Prefix + n.Module + reportEnd
	}
	for _, e := range endings {
		if e.part == n.Part && e.embedding == n.Embedding {
			return Prefix + n.Module + e.end
		}
	}
	return Prefix + n.Module
}

// BaseLayer names a tensor of a module that has factors as well, such as its
// bias.
func BaseLayer(module, tensor string) string { return Prefix + module + ".base_layer." + tensor }
