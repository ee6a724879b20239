// Package codec turns stored bytes into float32 and back, for every element
// type and for the row records of quantized tensors.
package codec

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/kernel"
)

// ToF32 decodes len(dst) elements. Integers and booleans become their values,
// float64 is rounded to nearest even.
func ToF32(dst []float32, src []byte, d tensor.DType) error {
	if len(src) != len(dst)*d.Size() || d.Size() == 0 {
		return fmt.Errorf("%d bytes are not %d elements of %s", len(src), len(dst), d)
	}
	switch d {
	case tensor.BF16:
		kernel.BF16ToF32(dst, src)
	case tensor.F16:
		kernel.F16ToF32(dst, src)
	case tensor.F8E4M3:
		kernel.E4M3ToF32(dst, src)
	case tensor.F8E5M2:
		kernel.E5M2ToF32(dst, src)
	case tensor.F32:
		for i := range dst {
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
		}
	case tensor.F64:
		for i := range dst {
			dst[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(src[8*i:])))
		}
	default:
		intsToF32(dst, src, d)
	}
	return nil
}

func intsToF32(dst []float32, src []byte, d tensor.DType) {
	size := d.Size()
	for i := range dst {
		b := src[i*size : (i+1)*size]
		switch d {
		case tensor.I64:
			dst[i] = float32(int64(binary.LittleEndian.Uint64(b)))
		case tensor.U64:
			dst[i] = float32(binary.LittleEndian.Uint64(b))
		case tensor.I32:
			dst[i] = float32(int32(binary.LittleEndian.Uint32(b)))
		case tensor.U32:
			dst[i] = float32(binary.LittleEndian.Uint32(b))
		case tensor.I16:
			dst[i] = float32(int16(binary.LittleEndian.Uint16(b)))
		case tensor.U16:
			dst[i] = float32(binary.LittleEndian.Uint16(b))
		case tensor.I8:
			dst[i] = float32(int8(b[0]))
		default:
			dst[i] = float32(b[0])
		}
	}
}

// FromF32 encodes floats, rounding to nearest even. Integer types are refused:
// no op computes them.
func FromF32(dst []byte, src []float32, d tensor.DType) error {
	if len(dst) != len(src)*d.Size() || d.Size() == 0 {
		return fmt.Errorf("%d elements of %s do not fill %d bytes", len(src), d, len(dst))
	}
	switch d {
	case tensor.BF16:
		kernel.F32ToBF16(dst, src)
	case tensor.F16:
		kernel.F32ToF16(dst, src)
	case tensor.F8E4M3:
		kernel.F32ToE4M3(dst, src)
	case tensor.F8E5M2:
		kernel.F32ToE5M2(dst, src)
	case tensor.F32:
		for i, f := range src {
			binary.LittleEndian.PutUint32(dst[4*i:], math.Float32bits(f))
		}
	case tensor.F64:
		for i, f := range src {
			binary.LittleEndian.PutUint64(dst[8*i:], math.Float64bits(float64(f)))
		}
	default:
		return fmt.Errorf("%s cannot hold computed values", d)
	}
	return nil
}

// Round replaces every value by the nearest that the dtype holds. F32, F64 and
// integers leave values as they are.
func Round(x []float32, d tensor.DType) {
	switch d {
	case tensor.BF16:
		kernel.RoundBF16(x)
	case tensor.F16, tensor.F8E4M3, tensor.F8E5M2:
		var raw [512]byte
		for len(x) > 0 {
			n := min(len(x), 256)
			b := raw[:n*d.Size()]
			_ = FromF32(b, x[:n], d) // sizes agree by construction
			_ = ToF32(x[:n], b, d)
			x = x[n:]
		}
	}
}

// Overflow rounds x to what the dtype holds when some element lies beyond its
// largest number, so that the infinities that storing makes can be seen before.
// It is false when all elements are finite, before and after storing.
func Overflow(x []float32, d tensor.DType) bool {
	largest := float32(math.MaxFloat32) // of those as wide as float32 or wider
	switch d {
	case tensor.BF16:
		largest = 0x1.fep127
	case tensor.F16:
		largest = 65504
	case tensor.F8E5M2:
		largest = 57344
	}
	if kernel.AbsMax(x) <= largest { // a NaN is greater than all magnitudes
		return false
	}
	if d != tensor.F8E4M3 { // storing saturates
		Round(x, d)
	}
	return true
}
