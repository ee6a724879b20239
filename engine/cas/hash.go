// Package cas is a content-addressed cache with two kinds of hash: a key names
// what would be computed, a digest what came out. An entry maps a key to a
// digest; outputs lie under their digests. Damage is a miss, never an error.
// The package knows no tensors.
package cas

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"sync"
)

// Key names a computation.
type Key [32]byte

// String returns the key in hexadecimal.
func (k Key) String() string { return hex.EncodeToString(k[:]) }

// MarshalText writes the key in hexadecimal.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (k *Key) UnmarshalText(text []byte) error { return unhex(k[:], text) }

// Digest names bytes: their SHA-256.
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
// that no two lists of fields run together. Most keys are short: they are
// gathered and hashed at once, which is several times faster than piece by piece.
// A Hash ends with its Sum.
type Hash struct{ fields []byte }

// hashes are reused: a plan makes several for each tensor.
var hashes = sync.Pool{New: func() any { return &Hash{make([]byte, 0, 512)} }}

// NewHash starts a hash for one kind of thing.
func NewHash(kind string) *Hash {
	h, _ := hashes.Get().(*Hash)
	h.fields = h.fields[:0]
	return h.String(kind)
}

func (h *Hash) head(kind byte, n int) *Hash {
	h.fields = binary.LittleEndian.AppendUint64(append(h.fields, kind), uint64(n))
	return h
}

// String adds text.
func (h *Hash) String(s string) *Hash {
	h.head('s', len(s)).fields = append(h.fields, s...)
	return h
}

// Bytes adds bytes.
func (h *Hash) Bytes(b []byte) *Hash {
	h.head('b', len(b)).fields = append(h.fields, b...)
	return h
}

// Int adds a number.
func (h *Hash) Int(i int64) *Hash {
	h.head('i', 8).fields = binary.LittleEndian.AppendUint64(h.fields, uint64(i))
	return h
}

// Key adds another key.
func (h *Hash) Key(k Key) *Hash {
	h.head('k', len(k)).fields = append(h.fields, k[:]...)
	return h
}

// Sum returns the key of all fields and ends the Hash.
func (h *Hash) Sum() Key {
	defer hashes.Put(h)
	return sha256.Sum256(h.fields)
}

// digestOf reads all of r.
func digestOf(r io.Reader) (Digest, error) {
	h := sha256.New()
	var d Digest
	_, err := io.CopyBuffer(h, onlyReader{r}, make([]byte, 1<<20))
	h.Sum(d[:0])
	return d, err
}

// onlyReader hides WriteTo, so that CopyBuffer uses its buffer.
type onlyReader struct{ io.Reader }
