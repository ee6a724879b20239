package codec

import (
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/kernel/blocks"
)

var decoders = [...]blocks.Decoder{
	tensor.Q4_0: blocks.Q4_0, tensor.Q4_1: blocks.Q4_1, tensor.Q5_0: blocks.Q5_0, tensor.Q5_1: blocks.Q5_1,
	tensor.Q8_0: blocks.Q8_0, tensor.Q2_K: blocks.Q2_K, tensor.Q3_K: blocks.Q3_K, tensor.Q4_K: blocks.Q4_K,
	tensor.Q5_K: blocks.Q5_K, tensor.Q6_K: blocks.Q6_K, tensor.IQ4_NL: blocks.IQ4_NL, tensor.IQ4_XS: blocks.IQ4_XS,
}

// Decoder is what decodes a type of blocks.
func Decoder(b tensor.Block) blocks.Decoder { return decoders[b] }

// DecodeBlocks fills dst with what whole blocks of src hold. It panics when
// they are not whole or not as many as dst has room for.
func DecodeBlocks(dst []float32, src []byte, b tensor.Block) { decoders[b].Decode(dst, src) }
