package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

var errDelta = errors.New("damaged: a page of the encoding DELTA_BINARY_PACKED has a bad head")

// delta reads exactly n numbers of the encoding DELTA_BINARY_PACKED, and gives
// what follows them.
func delta(src []byte, n int) (out []uint64, rest []byte, err error) {
	d := &varints{src: src}
	block, minis, count := d.next(), d.next(), d.next()
	value := uint64(unzigzag(d.next()))
	switch {
	case d.bad || block == 0 || block > 1<<24 || minis == 0 || minis > block/32 || block%minis != 0 || block/minis%32 != 0:
		return nil, nil, errDelta
	case count != uint64(n):
		return nil, nil, fmt.Errorf("damaged: a page has %d values, and says %d", count, n)
	case n == 0:
		return nil, d.src, nil
	}
	out = make([]uint64, 1, n)
	out[0] = value
	for len(out) < n {
		if out, err = deltaBlock(d, out, n, int(minis), int(block/minis)); err != nil {
			return nil, nil, err
		}
	}
	return out, d.src, nil
}

// deltaBlock appends a block: its least difference, the widths of its miniblocks,
// and those.
func deltaBlock(d *varints, out []uint64, n, minis, size int) ([]uint64, error) {
	least := uint64(unzigzag(d.next()))
	if d.bad || len(d.src) < minis {
		return nil, errShort
	}
	widths := d.src[:minis]
	d.src = d.src[minis:]
	for _, width := range widths {
		if len(out) == n {
			break // what would be left of the block is not stored
		}
		bytes := size / 8 * int(width)
		if width > 64 || bytes > len(d.src) {
			return nil, errShort
		}
		value := out[len(out)-1]
		for i := range min(size, n-len(out)) {
			value += least + bitsAt(d.src, i*int(width), int(width))
			out = append(out, value)
		}
		d.src = d.src[bytes:]
	}
	return out, nil
}

// bitsAt reads a number of up to 64 bits.
func bitsAt(src []byte, bit, width int) uint64 {
	at, shift := bit>>3, bit&7
	var word [16]byte
	if at+9 <= len(src) {
		copy(word[:9], src[at:])
	} else {
		copy(word[:], src[at:])
	}
	v := binary.LittleEndian.Uint64(word[:])>>shift | uint64(word[8])<<(64-shift)
	return v & (1<<width - 1)
}

// varints reads variable-length numbers.
type varints struct {
	src []byte
	bad bool
}

func (d *varints) next() uint64 {
	v, n := binary.Uvarint(d.src)
	if n <= 0 {
		d.bad = true
		return 0
	}
	d.src = d.src[n:]
	return v
}

// deltaWords reads n whole numbers.
func (v *raw) deltaWords(src []byte, p physical, n int) error {
	words, _, err := delta(src, n)
	if p == int32s {
		for i, w := range words {
			words[i] = uint64(int32(w))
		}
	}
	v.words = words
	return err
}

// deltaLengths reads n texts of the encoding DELTA_LENGTH_BYTE_ARRAY: all their
// lengths, then all their bytes.
func (v *raw) deltaLengths(src []byte, n int) error {
	lengths, rest, err := delta(src, n)
	if err != nil {
		return err
	}
	v.texts = grown(v.texts, n)
	all := string(rest)
	for i, l := range lengths {
		size := int(int32(l))
		if size < 0 || size > len(all) {
			return errShort
		}
		v.texts[i], all = all[:size], all[size:]
	}
	return nil
}

// deltaTexts reads n texts of the encoding DELTA_BYTE_ARRAY: how much each has in
// common with the one before, then the rests. Small pages can say long texts, so
// that those are taken from the budget.
func (v *raw) deltaTexts(src []byte, n int, spend func(int64) error) error {
	common, rest, err := delta(src, n)
	if err != nil {
		return err
	}
	if err := v.deltaLengths(rest, n); err != nil {
		return err
	}
	total, before := int64(0), 0
	for i, text := range v.texts {
		c := int(int32(common[i]))
		if c < 0 || c > before {
			return errors.New("damaged: a text has more in common with the one before than that is long")
		}
		common[i], before = uint64(c), c+len(text)
		total += int64(before)
	}
	if err := spend(total); err != nil {
		return err
	}
	var b strings.Builder
	b.Grow(int(total))
	last := ""
	for i, text := range v.texts {
		from := b.Len()
		b.WriteString(last[:common[i]])
		b.WriteString(text)
		last = b.String()[from:]
		v.texts[i] = last
	}
	return nil
}
