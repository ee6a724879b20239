// Package blocks decodes the blocks of GGUF files: 32 or 256 values of few bits
// with the scales that they share. Every path gives the bits of gguf-py's
// dequantization. The layouts are those of ggml's ggml-common.h, little endian.
package blocks

import (
	"encoding/binary"
	"fmt"

	"github.com/rouxml/roux/tensor/kernel"
	"github.com/rouxml/roux/tensor/kernel/cpu"
)

// Decoder is one type of block.
type Decoder struct {
	Name          string
	Bytes, Values int // of a block
	scalar        func(dst []float32, src []byte)
	avx2, avx512  func(dst *float32, src *byte, n int) // nil: scalar alone
}

// The types. Their names are ggml's.
var (
	Q4_0   = Decoder{"Q4_0", 18, 32, q40, q40AVX2, q40AVX512}
	Q4_1   = Decoder{"Q4_1", 20, 32, q41, q41AVX2, q41AVX512}
	Q5_0   = Decoder{"Q5_0", 22, 32, q50, nil, nil}
	Q5_1   = Decoder{"Q5_1", 24, 32, q51, nil, nil}
	Q8_0   = Decoder{"Q8_0", 34, 32, q80, q80AVX2, q80AVX512}
	Q2_K   = Decoder{"Q2_K", 84, 256, q2K, nil, nil}
	Q3_K   = Decoder{"Q3_K", 110, 256, q3K, nil, nil}
	Q4_K   = Decoder{"Q4_K", 144, 256, q4K, q4KAVX2, q4KAVX512}
	Q5_K   = Decoder{"Q5_K", 176, 256, q5K, q5KAVX2, q5KAVX512}
	Q6_K   = Decoder{"Q6_K", 210, 256, q6K, q6KAVX2, q6KAVX512}
	IQ4_NL = Decoder{"IQ4_NL", 18, 32, iq4NL, nil, nil}
	IQ4_XS = Decoder{"IQ4_XS", 136, 256, iq4XS, nil, nil}
)

// Decode fills dst with the values of the blocks of src; both are whole blocks
// and as many, or it panics.
func (d Decoder) Decode(dst []float32, src []byte) {
	n := len(src) / d.Bytes
	if n*d.Bytes != len(src) || n*d.Values != len(dst) {
		panic(fmt.Sprintf("blocks: %d bytes and %d values are no blocks of %d and %d", len(src), len(dst), d.Bytes, d.Values))
	}
	level := cpu.Active()
	switch {
	case n == 0:
	case d.avx512 != nil && level == cpu.AVX512:
		d.avx512(&dst[0], &src[0], n)
	case d.avx2 != nil && level == cpu.AVX2:
		d.avx2(&dst[0], &src[0], n)
	default:
		for i := range n {
			d.scalar(dst[i*d.Values:(i+1)*d.Values], src[i*d.Bytes:(i+1)*d.Bytes])
		}
	}
}

// half is the float16 at the beginning of b.
func half(b []byte) float32 { return kernel.HalfToFloat(binary.LittleEndian.Uint16(b)) }
