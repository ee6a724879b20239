package gguf

import (
	"fmt"

	"github.com/rouxml/roux/tensor"
)

// kind is a type of element: plain, or in blocks.
type kind struct {
	dtype tensor.DType
	block tensor.Block
}

// kinds are those that are read, by ggml's numbers.
var kinds = map[uint32]kind{
	0: {dtype: tensor.F32}, 1: {dtype: tensor.F16}, 30: {dtype: tensor.BF16}, 28: {dtype: tensor.F64},
	24: {dtype: tensor.I8}, 25: {dtype: tensor.I16}, 26: {dtype: tensor.I32}, 27: {dtype: tensor.I64},
	2: {block: tensor.Q4_0}, 3: {block: tensor.Q4_1}, 6: {block: tensor.Q5_0}, 7: {block: tensor.Q5_1}, 8: {block: tensor.Q8_0},
	10: {block: tensor.Q2_K}, 11: {block: tensor.Q3_K}, 12: {block: tensor.Q4_K}, 13: {block: tensor.Q5_K}, 14: {block: tensor.Q6_K},
	20: {block: tensor.IQ4_NL}, 23: {block: tensor.IQ4_XS},
}

// others are the names of those that are not.
var others = map[uint32]string{
	4: "Q4_2", 5: "Q4_3", 9: "Q8_1", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 21: "IQ3_S", 22: "IQ2_S", 29: "IQ1_M",
	31: "Q4_0_4_4", 32: "Q4_0_4_8", 33: "Q4_0_8_8", 34: "TQ1_0", 35: "TQ2_0", 36: "IQ4_NL_4_4", 37: "IQ4_NL_4_8", 38: "IQ4_NL_8_8",
	39: "MXFP4", 40: "NVFP4", 41: "Q1_0",
}

// info is the header of a tensor as the house has it.
func (e Entry) info() (tensor.Info, error) {
	info := tensor.Info{Name: e.Name, Shape: e.Shape}
	k, ok := kinds[e.Type]
	if !ok {
		name := others[e.Type]
		if name == "" {
			name = fmt.Sprintf("number %d", e.Type)
		}
		return info, fmt.Errorf("tensor %q is of type %s, which is not read: take the model as F16, BF16, Q8_0 or a K-quant, or convert it with llama-quantize --allow-requantize", e.Name, name)
	}
	info.DType = k.dtype
	if k.block == tensor.NoBlock {
		return info, nil
	}
	info.DType, info.Quant = tensor.F32, &tensor.Quant{Block: k.block}
	if cols := info.Shape.Cols(); cols%k.block.Values() != 0 {
		return info, fmt.Errorf("tensor %q has rows of %d values, which are no whole blocks of %s", e.Name, cols, k.block)
	}
	return info, nil
}
