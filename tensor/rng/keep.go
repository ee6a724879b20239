package rng

import (
	"math/bits"

	"github.com/rouxml/roux/tensor/kernel/cpu"
)

// chunk is how many counters are drawn at once; each gives a bit to 128
// elements.
const chunk = 16

// Keep sets bit i%64 of mask[i/64], for every i below n, with probability p,
// by the draw of element start+i; the rest of the mask's last word is
// undefined. A block of a tensor gets the same bits wherever it is cut.
//
// The draw of an element is a number of 16 bits, each from a plane of its own,
// and is compared with Threshold(p). Planes below the threshold's lowest set
// bit decide nothing and are not drawn, nor are those from which on all that is
// drawn together is decided: a half costs one bit an element.
func (k Key) Keep(mask []uint64, start, n int, p float64) {
	limit := Threshold(p)
	mask = mask[:(n+63)/64]
	if limit == 0 || limit == 1<<16 {
		for i := range mask {
			mask[i] = -uint64(limit >> 16)
		}
		return
	}
	var draws [2*chunk + 1]uint64 // the last word is what a shift brings in
	counter, offset := uint64(start)/128, start%128
	word, shift := offset/64, offset%64
	schedule := k.schedule()
	for len(mask) > 0 {
		k.keep(draws[:2*chunk], counter, &schedule, limit)
		if shift != 0 {
			draws[2*chunk] = k.kept(counter+chunk, limit)[0]
		}
		words := min(len(mask), 2*chunk-word)
		for i := range words {
			mask[i] = draws[word+i]>>shift | draws[word+i+1]<<(64-shift)
		}
		mask, counter, word = mask[words:], counter+chunk, 0
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

// keep draws two words for every counter, of which there are a multiple of 16.
func (k Key) keep(words []uint64, counter uint64, schedule *[22]uint32, limit uint32) {
	switch cpu.Active() {
	case cpu.AVX512:
		keepAVX512(&words[0], counter, len(words)/2, &schedule[0], uint64(limit))
	case cpu.AVX2:
		keepAVX2(&words[0], counter, len(words)/2, &schedule[0], uint64(limit))
	default:
		for i := 0; i < len(words); i += 2 {
			w := k.kept(counter+uint64(i/2), limit)
			words[i], words[i+1] = w[0], w[1]
		}
	}
}

// kept compares 128 numbers with the limit, bit by bit from the highest, of
// those that are still open: where the limit has a one a random one decides for
// keeping, where it has a zero a random zero decides against it.
func (k Key) kept(counter uint64, limit uint32) (m [2]uint64) {
	open := [2]uint64{^uint64(0), ^uint64(0)}
	for plane := 15; plane >= bits.TrailingZeros32(limit) && open[0]|open[1] != 0; plane-- {
		b := k.block(counter + uint64(plane)<<59)
		for h := range m {
			r := uint64(b[2*h]) | uint64(b[2*h+1])<<32
			if limit>>plane&1 != 0 {
				m[h] |= open[h] & r
				r = ^r
			}
			open[h] &= r
		}
	}
	return m
}
