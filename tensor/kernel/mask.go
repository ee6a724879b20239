package kernel

import (
	"math"
	"math/bits"
)

// Mask says for each element of a block whether it is kept: bit i%64 of word
// i/64.
type Mask []uint64

// MaskWords is how many words a mask of n elements has.
func MaskWords(n int) int { return (n + 63) / 64 }

// Has says whether element i is kept.
func (m Mask) Has(i int) bool { return m[i/64]>>(i%64)&1 != 0 }

// Set keeps element i.
func (m Mask) Set(i int) { m[i/64] |= 1 << (i % 64) }

// Invert keeps what was not kept.
func (m Mask) Invert() {
	for i := range m {
		m[i] = ^m[i]
	}
}

// Less takes away what o keeps.
func (m Mask) Less(o Mask) {
	for i := range m {
		m[i] &^= o[i]
	}
}

// Add keeps also what both o and p keep.
func (m Mask) Add(o, p Mask) {
	for i := range m {
		m[i] |= o[i] & p[i]
	}
}

// Count is how many of the elements from, from+1, ..., to-1 are kept.
func (m Mask) Count(from, to int) (n int) {
	for w := from / 64; w*64 < to; w++ {
		n += bits.OnesCount64(m.word(w, from, to))
	}
	return n
}

// word is word w without what lies outside of a range that it meets.
func (m Mask) word(w, from, to int) uint64 {
	word := m[w]
	if w*64 < from {
		word &= ^uint64(0) << (from % 64)
	}
	if w*64+64 > to {
		word &= 1<<(to%64) - 1
	}
	return word
}

// Apply zeroes the elements of x that the mask does not keep.
func (m Mask) Apply(x []float32) {
	for i, v := range x { // no branch, which would be mispredicted
		kept := -uint32(m[i/64] >> (i % 64) & 1)
		x[i] = math.Float32frombits(math.Float32bits(v) & kept)
	}
}
