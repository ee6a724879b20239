package tokenizer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/clipperhouse/uax29/v2/graphemes"
)

// charsmap is sentencepiece's compiled table of replacements: a double array
// that finds prefixes, and the replacements, each ended by a zero byte.
type charsmap struct {
	units []uint32
	pool  []byte
}

// newCharsmap reads a little-endian table: its size in bytes, its units, the
// replacements.
func newCharsmap(b []byte) (*charsmap, error) {
	if len(b) == 0 {
		return &charsmap{}, nil
	}
	if len(b) < 4 {
		return nil, errors.New("precompiled_charsmap is cut short")
	}
	size := binary.LittleEndian.Uint32(b)
	if uint64(size) > uint64(len(b)-4) || size%4 != 0 {
		return nil, fmt.Errorf("precompiled_charsmap says that its index has %d bytes, but %d follow", size, len(b)-4)
	}
	m := &charsmap{units: make([]uint32, size/4), pool: b[4+size:]}
	for i := range m.units {
		m.units[i] = binary.LittleEndian.Uint32(b[4+4*i:])
	}
	return m, nil
}

// find returns the replacement of a prefix of s and the prefix's length, 0 if
// there is none: the shortest prefix or the longest.
func (m *charsmap) find(s string, longest bool) (string, int) {
	value, length := uint32(0), 0
	node := m.unit(0)
	at := node >> 10 << (node & (1 << 9) >> 6)
	for i := 0; i < len(s); i++ {
		at ^= uint32(s[i])
		node = m.unit(at)
		if node&(1<<31|0xFF) != uint32(s[i]) {
			break
		}
		at ^= node >> 10 << (node & (1 << 9) >> 6)
		if node>>8&1 == 1 {
			value, length = m.unit(at)&(1<<31-1), i+1
			if !longest {
				break
			}
		}
	}
	if length == 0 || uint64(value) > uint64(len(m.pool)) {
		return "", 0
	}
	to := m.pool[value:]
	if i := bytes.IndexByte(to, 0); i >= 0 {
		to = to[:i]
	}
	return valid(string(to), true).s, length
}

func (m *charsmap) unit(i uint32) uint32 {
	if uint64(i) >= uint64(len(m.units)) {
		return 1 << 31 // matches no byte
	}
	return m.units[i]
}

// normalize goes as the reference library, cluster by cluster.
func (m *charsmap) normalize(t *text) error {
	if len(m.units) == 0 || t.s == "" {
		return nil
	}
	w := rewrite(t)
	m.clusters(w)
	w.done()
	return nil
}

// clusters looks up grapheme clusters of less than six bytes as a whole, and
// what it does not find so by character. A prefix that is found stands for all
// of the cluster.
func (m *charsmap) clusters(w *rewriter) {
	for g := graphemes.FromString(w.t.s); g.Next(); {
		c := g.Value()
		if len(c) < 6 {
			if to, n := m.find(c, false); n > 0 {
				swap(w, c, to)
				continue
			}
		}
		for _, r := range c {
			if to, n := m.find(string(r), false); n > 0 {
				swap(w, string(r), to)
			} else {
				w.replace(r, utf8.RuneLen(r))
			}
		}
	}
}

// swap writes a replacement character for character; what it has more is
// added, what the original has more is dropped.
func swap(w *rewriter, from, to string) {
	for _, r := range to {
		if _, n := utf8.DecodeRuneInString(from); from != "" {
			w.replace(r, n)
			from = from[n:]
		} else {
			w.add(r)
		}
	}
	w.drop(len(from))
}
