// Package rng draws random numbers that depend on a key and an index alone,
// never on the order of work: the counter-based generator Philox4x32-10
// (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
package rng

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/bits"
)

// Key selects one stream of draws.
type Key struct{ k0, k1, c2, c3 uint32 }

// NewKey makes the key of a stream from the recipe's seed, the scope (the op),
// the role of the draws, the tensor's name and the stream's name. Every field
// counts with its length, so that no two lists run together.
func NewKey(seed uint64, scope, role, tensor, stream string) Key {
	text := binary.LittleEndian.AppendUint64([]byte("roux rng 2"), seed)
	for _, field := range []string{scope, role, tensor, stream} {
		text = binary.LittleEndian.AppendUint64(text, uint64(len(field)))
		text = append(text, field...)
	}
	h := sha256.Sum256(text)
	word := func(i int) uint32 { return binary.LittleEndian.Uint32(h[4*i:]) }
	return Key{word(0), word(1), word(2), word(3)}
}

const (
	mul0, mul1   = 0xD2511F53, 0xCD9E8D57
	weyl0, weyl1 = 0x9E3779B9, 0xBB67AE85
)

// philox runs ten rounds over a counter of four words.
func philox(c [4]uint32, k0, k1 uint32) [4]uint32 {
	for range 10 {
		h0, l0 := bits.Mul32(mul0, c[0])
		h1, l1 := bits.Mul32(mul1, c[2])
		c = [4]uint32{h1 ^ c[1] ^ k0, l1, h0 ^ c[3] ^ k1, l0}
		k0, k1 = k0+weyl0, k1+weyl1
	}
	return c
}

// block returns the four words of counter n.
func (k Key) block(n uint64) [4]uint32 {
	return philox([4]uint32{uint32(n), uint32(n >> 32), k.c2, k.c3}, k.k0, k.k1)
}

// Word returns the 32-bit draw of index i.
func (k Key) Word(i int) uint32 { return k.block(uint64(i) >> 2)[i&3] }

// Uniform returns the draw of index i in [0, 1), with 24 bits.
func (k Key) Uniform(i int) float32 { return float32(k.Word(i)>>8) * (1.0 / (1 << 24)) }

// Normal returns the standard normal draw of index i, by Box and Muller's
// transform of two words.
func (k Key) Normal(i int) float64 {
	b := k.block(uint64(i) >> 1)
	j := 2 * (i & 1)
	u := (float64(b[j]) + 0.5) / (1 << 32)
	v := float64(b[j+1]) / (1 << 32)
	return math.Sqrt(-2*math.Log(u)) * math.Cos(2*math.Pi*v)
}

// Threshold is the integer below which a 16-bit draw means "keep", for a
// probability p. The share kept is within 2^-17 of p.
func Threshold(p float64) uint32 {
	return uint32(math.RoundToEven(min(max(p, 0), 1) * (1 << 16)))
}
