package blocks

import "encoding/binary"

// Products are converted explicitly, so that no compiler fuses them into the
// sum behind. All of them are exact but for that.

func q40(dst []float32, src []byte) {
	d := half(src)
	for j, b := range src[2:18] {
		dst[j] = d * float32(int(b&15)-8)
		dst[j+16] = d * float32(int(b>>4)-8)
	}
}

func q41(dst []float32, src []byte) {
	d, m := half(src), half(src[2:])
	for j, b := range src[4:20] {
		dst[j] = float32(d*float32(b&15)) + m
		dst[j+16] = float32(d*float32(b>>4)) + m
	}
}

func q50(dst []float32, src []byte) {
	d, high := half(src), binary.LittleEndian.Uint32(src[2:])
	for j, b := range src[6:22] {
		dst[j] = d * float32(int(b&15)|int(high>>j&1)<<4-16)
		dst[j+16] = d * float32(int(b>>4)|int(high>>(j+16)&1)<<4-16)
	}
}

func q51(dst []float32, src []byte) {
	d, m, high := half(src), half(src[2:]), binary.LittleEndian.Uint32(src[4:])
	for j, b := range src[8:24] {
		dst[j] = float32(d*float32(int(b&15)|int(high>>j&1)<<4)) + m
		dst[j+16] = float32(d*float32(int(b>>4)|int(high>>(j+16)&1)<<4)) + m
	}
}

func q80(dst []float32, src []byte) {
	d := half(src)
	for j, b := range src[2:34] {
		dst[j] = d * float32(int8(b))
	}
}

// codebook is the values of IQ4's four bits.
var codebook = [16]float32{-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113}

func iq4NL(dst []float32, src []byte) { byCodebook(dst, src[2:18], half(src)) }

func byCodebook(dst []float32, src []byte, d float32) {
	for j, b := range src {
		dst[j] = d * codebook[b&15]
		dst[j+16] = d * codebook[b>>4]
	}
}

func iq4XS(dst []float32, src []byte) {
	d, high := half(src), binary.LittleEndian.Uint16(src[2:])
	for i := range 8 {
		low := src[4+i/2] >> (4 * (i % 2)) & 15
		scale := int(low) | int(high>>(2*i)&3)<<4
		byCodebook(dst[32*i:32*i+32], src[8+16*i:24+16*i], d*float32(scale-32))
	}
}
