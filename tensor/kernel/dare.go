package kernel

import (
	"encoding/binary"
	"unsafe"

	"github.com/rouxml/roux/tensor/rng"
)

// MaskScaleBF16 sets dst to factor*x where the mask keeps an element of src,
// and to zero elsewhere, all little-endian bfloat16. Products are rounded to
// float32 and then to bfloat16, to nearest even. dst may be src.
func MaskScaleBF16(dst, src []byte, keep Mask, factor float32) {
	maskScale(dst, src, keep, factor, false)
}

func maskScale(dst, src []byte, keep Mask, factor float32, stream bool) {
	src = src[:len(dst)]
	n := body(len(dst)/2, 2)
	if n > 0 {
		maskScaleLoop(stream)(&dst[0], &src[0], &keep[0], factor, n)
	}
	for i := n; i < len(dst)/2; i++ {
		var b uint32
		if keep.Has(i) {
			b = bf16Bits(factor * fromBF16(src[2*i:]))
		}
		binary.LittleEndian.PutUint16(dst[2*i:], uint16(b))
	}
}

func maskScaleLoop(stream bool) func(dst, src *byte, keep *uint64, factor float32, n int) {
	switch {
	case stream && wide():
		return maskScaleStreamAVX512
	case stream:
		return maskScaleStreamAVX2
	case wide():
		return maskScaleBF16AVX512
	}
	return maskScaleBF16AVX2
}

// drawn is how many elements' draws are made at once: their mask and their
// bytes stay in the first cache.
const drawn = 1 << 12

// DropScaleBF16 keeps each bfloat16 of src with probability p, by the draw of
// element start+i, and multiplies it by factor, as MaskScaleBF16 does: the drop
// and rescale of DARE (Yu et al. 2023, arXiv:2311.03099), with 1/p.
func DropScaleBF16(dst, src []byte, key rng.Key, start int, p float64, factor float32) {
	stream := len(dst) >= streamed && uintptr(unsafe.Pointer(&dst[0]))%64 == 0
	var words [drawn / 64]uint64
	for len(dst) > 0 {
		n := min(len(dst), 2*drawn)
		keep := Mask(words[:MaskWords(n/2)])
		key.Keep(keep, start, n/2, p)
		maskScale(dst[:n], src[:n], keep, factor, stream)
		dst, src, start = dst[n:], src[n:], start+n/2
	}
}
