package engine

import (
	"testing"

	"github.com/rouxml/roux/schema"
	"github.com/rouxml/roux/tensor"
)

// TestDTypeNames: expressions know the dtypes by the names that tensors have,
// and both parsers know the same spellings.
func TestDTypeNames(t *testing.T) {
	for d := tensor.F64; d <= tensor.Bool; d++ {
		for _, s := range []string{d.String(), d.Torch(), "torch." + d.Torch()} {
			if name, ok := schema.DTypeName(s); !ok || name != d.Torch() {
				t.Errorf("%s is %q in expressions, want %q", s, name, d.Torch())
			}
		}
	}
	for _, s := range []string{"half", "float", "double", "long", "int", "bf16", "Torch.Float16", "fp16", "f8_e4m3", "float8_e4m3", "f16 "} {
		name, ok := schema.DTypeName(s)
		if d, err := tensor.ParseDType(s); (err == nil) != ok || ok && d.Torch() != name {
			t.Errorf("%q is %q in expressions and %v to tensors", s, name, d)
		}
	}
}
