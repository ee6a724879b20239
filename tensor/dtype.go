package tensor

import (
	"fmt"
	"strings"
)

// DType is the element type that a tensor has in storage.
type DType uint8

// The element types, named as safetensors names them.
const (
	Invalid DType = iota
	F64
	F32
	BF16
	F16
	F8E4M3
	F8E5M2
	I64
	I32
	I16
	I8
	U64
	U32
	U16
	U8
	Bool
)

type dtypeFacts struct {
	name  string
	size  int
	float bool
}

var dtypes = [...]dtypeFacts{
	Invalid: {"invalid", 0, false},
	F64:     {"F64", 8, true},
	F32:     {"F32", 4, true},
	BF16:    {"BF16", 2, true},
	F16:     {"F16", 2, true},
	F8E4M3:  {"F8_E4M3", 1, true},
	F8E5M2:  {"F8_E5M2", 1, true},
	I64:     {"I64", 8, false},
	I32:     {"I32", 4, false},
	I16:     {"I16", 2, false},
	I8:      {"I8", 1, false},
	U64:     {"U64", 8, false},
	U32:     {"U32", 4, false},
	U16:     {"U16", 2, false},
	U8:      {"U8", 1, false},
	Bool:    {"BOOL", 1, false},
}

// torchNames are the spellings of torch and config.json.
var torchNames = map[string]DType{
	"float64": F64, "double": F64, "float32": F32, "float": F32, "bfloat16": BF16,
	"float16": F16, "half": F16, "float8_e4m3fn": F8E4M3, "float8_e5m2": F8E5M2,
	"int64": I64, "long": I64, "int32": I32, "int": I32, "int16": I16, "int8": I8,
	"uint64": U64, "uint32": U32, "uint16": U16, "uint8": U8, "bool": Bool,
}

// String returns the safetensors name, such as "BF16".
func (d DType) String() string { return d.facts().name }

// Size returns the bytes of one element; zero for Invalid.
func (d DType) Size() int { return d.facts().size }

// IsFloat says whether ops may do arithmetic on the elements.
func (d DType) IsFloat() bool { return d.facts().float }

// Torch returns torch's name, such as "bfloat16", as config.json spells it.
func (d DType) Torch() string {
	for _, name := range []string{"float64", "float32", "bfloat16", "float16", "float8_e4m3fn", "float8_e5m2",
		"int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8", "bool"} {
		if torchNames[name] == d {
			return name
		}
	}
	return d.String()
}

// ParseDType reads a safetensors name ("BF16"), a torch name ("bfloat16",
// "torch.bfloat16") or the short forms "bf16", "f16", "f32", whatever the case.
func ParseDType(s string) (DType, error) {
	name := strings.TrimPrefix(strings.ToLower(s), "torch.")
	if d, ok := torchNames[name]; ok {
		return d, nil
	}
	for d := F64; d <= Bool; d++ {
		if strings.EqualFold(dtypes[d].name, name) {
			return d, nil
		}
	}
	return Invalid, fmt.Errorf("unknown dtype %q: use float32, bfloat16, float16, float8_e4m3fn or float8_e5m2", s)
}

func (d DType) facts() dtypeFacts {
	if int(d) < len(dtypes) {
		return dtypes[d]
	}
	return dtypes[Invalid]
}
