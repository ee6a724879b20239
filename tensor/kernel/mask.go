package kernel

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

// Within keeps what o keeps and m did not.
func (m Mask) Within(o Mask) {
	for i := range m {
		m[i] = o[i] &^ m[i]
	}
}

// Apply zeroes the elements of x that the mask does not keep.
func (m Mask) Apply(x []float32) {
	for i := range x {
		if !m.Has(i) {
			x[i] = 0
		}
	}
}
