package torch

import (
	"strings"

	"github.com/rouxml/roux/tensor"
)

// maker stands for a call: it checks the arguments and returns a value.
type maker func(m *machine, args tuple) (any, error)

// makers are the names that a pickle may call, with what stands for the call.
// There is no other: a pickle cannot reach code by any other name.
var makers = map[global]maker{
	{"torch._utils", "_rebuild_tensor"}:               rebuildTensor,
	{"torch._utils", "_rebuild_tensor_v2"}:            rebuildTensor,
	{"torch._utils", "_rebuild_tensor_v3"}:            rebuildTensor3,
	{"torch._utils", "_rebuild_parameter"}:            rebuildParameter,
	{"torch._utils", "_rebuild_parameter_with_state"}: rebuildParameter,
	{"torch._tensor", "_rebuild_from_type_v2"}:        rebuildFromType,
	{"torch", "Size"}:                                 makeSize,
	{"collections", "OrderedDict"}:                    makeDict,
	{"torch.nn.parameter", "Parameter"}:               nil, // named as a type, never called
	{"torch.nn.parameter", "Buffer"}:                  nil,
	{"torch", "Tensor"}:                               nil,
	{"torch.storage", "UntypedStorage"}:               nil,
	{"torch", "UntypedStorage"}:                       nil,
}

// storages are the typed storages by the dtype of their elements.
var storages = map[string]tensor.DType{
	"DoubleStorage": tensor.F64, "FloatStorage": tensor.F32, "HalfStorage": tensor.F16, "BFloat16Storage": tensor.BF16,
	"LongStorage": tensor.I64, "IntStorage": tensor.I32, "ShortStorage": tensor.I16, "CharStorage": tensor.I8,
	"ByteStorage": tensor.U8, "BoolStorage": tensor.Bool,
}

// known says whether the pickle may import a name at all.
func known(g global) bool {
	if _, ok := makers[g]; ok {
		return true
	}
	if g.module != "torch" {
		return false
	}
	_, isStorage := storages[g.name]
	return isStorage || dtypeOf(g) != tensor.Invalid
}

// dtypeOf reads a name such as torch.bfloat16; Invalid when it is none.
func dtypeOf(v any) tensor.DType {
	g, ok := v.(global)
	if !ok || g.module != "torch" {
		return tensor.Invalid
	}
	d, err := tensor.ParseDType(g.name)
	if err != nil || d.Torch() != g.name && g.name != "float" && g.name != "half" {
		return tensor.Invalid
	}
	return d
}

// refuse says why a name is not imported, and what to do.
func (m *machine) refuse(g global) error {
	cure := "roux runs no code of a file; if you trust it, load it with torch and save its state_dict() as safetensors"
	switch {
	case strings.Contains(g.name, "_rebuild_qtensor"), strings.HasPrefix(g.name, "Q") && strings.HasSuffix(g.name, "Storage"):
		cure = "quantized tensors of torch cannot be read: call dequantize() on them and save them anew"
	case strings.Contains(g.name, "sparse"):
		cure = "sparse tensors cannot be read: call to_dense() on them and save them anew"
	case strings.HasPrefix(g.name, "Complex") || strings.HasPrefix(g.name, "complex"):
		cure = "complex tensors cannot be read: split them with view_as_real() and save them anew"
	case strings.HasPrefix(g.module, "torch.nn.modules"), strings.HasPrefix(g.module, "transformers."), g.module == "__main__":
		cure = "the file holds a whole program's object; save model.state_dict() instead of the model"
	}
	return m.fail("it wants to import %q, which is no part of plain tensors: %s", g.String(), cure)
}
