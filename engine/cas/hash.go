// Package cas is a content-addressed cache with two kinds of hash: a key names
// what would be computed, a digest what came out. An entry maps a key to a
// digest; outputs lie under their digests. Damage is a miss, never an error.
// The package knows no tensors.
package cas

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"

	"lukechampine.com/blake3"
)

// Key names a computation.
type Key [32]byte

// String returns the key in hexadecimal.
func (k Key) String() string { return hex.EncodeToString(k[:]) }

// MarshalText writes the key in hexadecimal.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (k *Key) UnmarshalText(text []byte) error { return unhex(k[:], text) }

// Digest names bytes: their BLAKE3 hash.
type Digest [32]byte

// String returns the digest in hexadecimal.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// MarshalText writes the digest in hexadecimal.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (d *Digest) UnmarshalText(text []byte) error { return unhex(d[:], text) }

func unhex(dst, text []byte) error {
	if len(text) != 2*len(dst) {
		return fmt.Errorf("a hash has %d hexadecimal digits, not %d", 2*len(dst), len(text))
	}
	_, err := hex.Decode(dst, text)
	return err
}

// Hash builds a Key from fields. Every field carries its kind and length, so
// that no two lists of fields run together.
type Hash struct{ h *blake3.Hasher }

// NewHash starts a hash for one kind of thing.
func NewHash(kind string) *Hash {
	h := &Hash{blake3.New(32, nil)}
	return h.String(kind)
}

func (h *Hash) field(kind byte, b []byte) *Hash {
	var head [9]byte
	head[0] = kind
	binary.LittleEndian.PutUint64(head[1:], uint64(len(b)))
	_, _ = h.h.Write(head[:]) // a Hasher never fails
	_, _ = h.h.Write(b)
	return h
}

// String adds text.
func (h *Hash) String(s string) *Hash { return h.field('s', []byte(s)) }

// Bytes adds bytes.
func (h *Hash) Bytes(b []byte) *Hash { return h.field('b', b) }

// Int adds a number.
func (h *Hash) Int(i int64) *Hash {
	return h.field('i', binary.LittleEndian.AppendUint64(nil, uint64(i)))
}

// Key adds another key.
func (h *Hash) Key(k Key) *Hash { return h.field('k', k[:]) }

// Sum returns the key of all fields so far.
func (h *Hash) Sum() Key {
	var k Key
	h.h.Sum(k[:0])
	return k
}

// digestOf reads all of r.
func digestOf(r io.Reader) (Digest, error) {
	h := blake3.New(32, nil)
	var d Digest
	_, err := io.CopyBuffer(h, onlyReader{r}, make([]byte, 1<<20))
	h.Sum(d[:0])
	return d, err
}

// onlyReader hides WriteTo, so that CopyBuffer uses its buffer.
type onlyReader struct{ io.Reader }
