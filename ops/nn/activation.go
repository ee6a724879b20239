package nn

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rouxml/roux/tensor/kernel"
)

// activation replaces every element by its function's value.
type activation func(x []float32)

// activations go by the names that transformers has for them.
var activations = map[string]activation{
	"silu":              func(x []float32) { kernel.SiLU(x, x) },
	"swish":             func(x []float32) { kernel.SiLU(x, x) },
	"gelu":              func(x []float32) { kernel.GELU(x, x) },
	"gelu_new":          func(x []float32) { kernel.GELUTanh(x, x) },
	"gelu_fast":         func(x []float32) { kernel.GELUTanh(x, x) },
	"gelu_pytorch_tanh": func(x []float32) { kernel.GELUTanh(x, x) },
	"gelu_python":       func(x []float32) { kernel.GELU(x, x) },
	"gelu_python_tanh":  func(x []float32) { kernel.GELUTanh(x, x) },
	"gelu_accurate":     func(x []float32) { kernel.GELUTanh(x, x) },
	"relu":              relu,
}

func activationOf(name string) (activation, error) {
	if f, ok := activations[name]; ok {
		return f, nil
	}
	return nil, fmt.Errorf("this activation cannot be run; those that can: %s", strings.Join(slices.Sorted(maps.Keys(activations)), ", "))
}

func relu(x []float32) {
	for i, v := range x {
		x[i] = max(v, 0)
	}
}

// softcap sets x to limit*tanh(x/limit).
func softcap(x []float32, limit float32) {
	if limit == 0 {
		return
	}
	kernel.Scale(x, 1/limit)
	kernel.Tanh(x, x)
	kernel.Scale(x, limit)
}
