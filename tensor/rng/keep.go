package rng

import (
	"encoding/binary"

	"github.com/rouxml/roux/tensor/kernel/cpu"
)

// chunk is how many counters are drawn at once.
const chunk = 64

// Keep sets bit i%64 of mask[i/64], for every i below n, with probability p, by
// the 16-bit draw of element start+i; the rest of the mask's last word is
// undefined. The draws are those of a tensor's elements: a block of a tensor
// gets the same bits wherever it is cut.
func (k Key) Keep(mask []uint64, start, n int, p float64) {
	limit := Threshold(p)
	mask = mask[:(n+63)/64]
	if limit == 0 || limit == 1<<16 {
		for i := range mask {
			mask[i] = -uint64(limit >> 16)
		}
		return
	}
	var draws [chunk + 8]byte
	counter, shift := uint64(start)/8, start%8
	schedule, drawn := k.schedule(), chunk
	if shift != 0 {
		drawn += 8 // the shift brings in bits from behind the words
	}
	for len(mask) > 0 {
		k.keep(draws[:drawn], counter, &schedule, limit)
		words := min(len(mask), chunk/8)
		for i := range words {
			mask[i] = binary.LittleEndian.Uint64(draws[8*i:])>>shift | uint64(draws[8*i+8])<<(64-shift)
		}
		mask, counter = mask[words:], counter+chunk
	}
}

// schedule is the keys of all rounds and the upper words of the counter.
func (k Key) schedule() (s [22]uint32) {
	k0, k1 := k.k0, k.k1
	for r := range 10 {
		s[2*r], s[2*r+1] = k0, k1
		k0, k1 = k0+weyl0, k1+weyl1
	}
	s[20], s[21] = k.c2, k.c3
	return s
}

// keep draws a byte of eight bits for every counter. len(draws) is a multiple
// of 8.
func (k Key) keep(draws []byte, counter uint64, schedule *[22]uint32, limit uint32) {
	switch cpu.Active() {
	case cpu.AVX512:
		keepAVX512(&draws[0], counter, len(draws), &schedule[0], uint64(limit))
	case cpu.AVX2:
		keepAVX2(&draws[0], counter, len(draws), &schedule[0], uint64(limit))
	default:
		for i := range draws {
			draws[i] = k.bits(counter+uint64(i), limit)
		}
	}
}

// bits compares the eight halves of a counter's words, the low halves first.
func (k Key) bits(counter uint64, limit uint32) byte {
	var b byte
	for i, w := range k.block(counter) {
		if w&0xffff < limit {
			b |= 1 << (2 * i)
		}
		if w>>16 < limit {
			b |= 2 << (2 * i)
		}
	}
	return b
}
