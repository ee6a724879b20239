package kernel

import (
	"encoding/binary"
	"math"
)

// BF16ToF32 widens little-endian bfloat16: dst[i] from src[2i:2i+2]. src holds
// twice as many bytes as dst has elements.
func BF16ToF32(dst []float32, src []byte) {
	src = src[:2*len(dst)]
	if n := body(len(dst), 2); n > 0 {
		if wide() {
			widenBF16AVX512(&dst[0], &src[0], n)
		} else {
			widenBF16AVX2(&dst[0], &src[0], n)
		}
		dst, src = dst[n:], src[2*n:]
	}
	for len(dst) >= 4 {
		v := binary.LittleEndian.Uint64(src)
		d := dst[:4:4]
		d[0] = math.Float32frombits(uint32(v) << 16)
		d[1] = math.Float32frombits(uint32(v) & 0xffff0000)
		d[2] = math.Float32frombits(uint32(v>>32) << 16)
		d[3] = math.Float32frombits(uint32(v>>32) & 0xffff0000)
		dst, src = dst[4:], src[8:]
	}
	for i := range dst {
		dst[i] = fromBF16(src[2*i:])
	}
}

func fromBF16(b []byte) float32 {
	return math.Float32frombits(uint32(binary.LittleEndian.Uint16(b)) << 16)
}

// bf16Bits rounds to the nearest bfloat16, ties to even; a NaN stays one and
// becomes quiet, what is too large becomes infinite.
func bf16Bits(f float32) uint32 {
	b := math.Float32bits(f)
	if b&0x7fffffff > 0x7f800000 {
		return b>>16 | 0x40
	}
	return (b + 0x7fff + b>>16&1) >> 16
}

// F32ToBF16 narrows to little-endian bfloat16, rounding to nearest even.
func F32ToBF16(dst []byte, src []float32) {
	dst = dst[:2*len(src)]
	if n := body(len(src), 2); n > 0 {
		if wide() {
			narrowBF16AVX512(&dst[0], &src[0], n)
		} else {
			narrowBF16AVX2(&dst[0], &src[0], n)
		}
		dst, src = dst[2*n:], src[n:]
	}
	for len(src) >= 4 {
		s := src[:4:4]
		v := uint64(bf16Bits(s[0])) | uint64(bf16Bits(s[1]))<<16 | uint64(bf16Bits(s[2]))<<32 | uint64(bf16Bits(s[3]))<<48
		binary.LittleEndian.PutUint64(dst, v)
		dst, src = dst[8:], src[4:]
	}
	for i, f := range src {
		binary.LittleEndian.PutUint16(dst[2*i:], uint16(bf16Bits(f)))
	}
}

// RoundBF16 replaces every value by the nearest that bfloat16 holds.
func RoundBF16(x []float32) {
	if n := body(len(x), 1); n > 0 {
		if wide() {
			roundBF16AVX512(&x[0], n)
		} else {
			roundBF16AVX2(&x[0], n)
		}
		x = x[n:]
	}
	for i, f := range x {
		x[i] = math.Float32frombits(bf16Bits(f) << 16)
	}
}

// F16ToF32 widens little-endian IEEE half precision.
func F16ToF32(dst []float32, src []byte) {
	src = src[:2*len(dst)]
	if n := body(len(dst), 1); n > 0 {
		if wide() {
			widenF16AVX512(&dst[0], &src[0], n)
		} else {
			widenF16AVX2(&dst[0], &src[0], n)
		}
		dst, src = dst[n:], src[2*n:]
	}
	for i := range dst {
		dst[i] = HalfToFloat(binary.LittleEndian.Uint16(src[2*i:]))
	}
}

// F32ToF16 narrows to half precision, rounding to nearest even; what is beyond
// 65504 by half a step or more becomes infinite, NaN stays NaN.
func F32ToF16(dst []byte, src []float32) {
	dst = dst[:2*len(src)]
	if n := body(len(src), 1); n > 0 {
		if wide() {
			narrowF16AVX512(&dst[0], &src[0], n)
		} else {
			narrowF16AVX2(&dst[0], &src[0], n)
		}
		dst, src = dst[2*n:], src[n:]
	}
	for i, f := range src {
		binary.LittleEndian.PutUint16(dst[2*i:], floatToHalf(f))
	}
}

// HalfToFloat widens one IEEE half precision number; a NaN becomes quiet.
func HalfToFloat(h uint16) float32 {
	sign, exp, man := uint32(h&0x8000)<<16, uint32(h>>10&31), uint32(h&0x3ff)
	switch {
	case exp == 31 && man != 0:
		return math.Float32frombits(sign | 0x7fc00000 | man<<13)
	case exp == 31:
		return math.Float32frombits(sign | 0x7f800000)
	case exp == 0:
		v := float32(man) * (1.0 / (1 << 24))
		return math.Float32frombits(math.Float32bits(v) | sign)
	}
	return math.Float32frombits(sign | (exp+112)<<23 | man<<13)
}

func floatToHalf(f float32) uint16 {
	b := math.Float32bits(f)
	sign, mag := uint16(b>>16&0x8000), b&0x7fffffff
	switch {
	case mag > 0x7f800000:
		return sign | 0x7e00 | uint16(mag>>13&0x3ff)
	case mag >= 0x477ff000: // 65520, half a step above the largest
		return sign | 0x7c00
	case mag < 0x38800000: // below the smallest normal half: counted in steps of 2^-24
		steps := math.RoundToEven(float64(math.Float32frombits(mag)) * (1 << 24))
		return sign | uint16(steps)
	}
	mag += 0xfff + mag>>13&1
	return sign | uint16((mag-0x38000000)>>13)
}
