package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
)

var errShort = errors.New("damaged: a page ends before its values do")

// unpack reads numbers of width bits, up to 57, the lowest bits first.
func unpack[T uint8 | uint32](out []T, src []byte, width int) error {
	if (len(out)*width+7)/8 > len(src) {
		return errShort
	}
	mask := uint64(1)<<width - 1
	i, bit := 0, 0
	for ; i < len(out) && bit>>3+8 <= len(src); i++ {
		out[i] = T(binary.LittleEndian.Uint64(src[bit>>3:]) >> (bit & 7) & mask)
		bit += width
	}
	var tail [16]byte // the last values, whose words would reach over the end
	from := bit >> 3
	copy(tail[:], src[min(from, len(src)):])
	for ; i < len(out); i++ {
		out[i] = T(binary.LittleEndian.Uint64(tail[bit>>3-from:]) >> (bit & 7) & mask)
		bit += width
	}
	return nil
}

// hybrid reads numbers of width bits as runs of one value and packed groups of
// eight, the encoding RLE.
func hybrid[T uint8 | uint32](out []T, src []byte, width int) error {
	if width > 32 {
		return fmt.Errorf("damaged: a page has numbers of %d bits", width)
	}
	if width == 0 {
		clear(out)
		return nil
	}
	for len(out) > 0 {
		head, n := binary.Uvarint(src)
		if n <= 0 {
			return errShort
		}
		src = src[n:]
		if head&1 == 0 {
			run := min(head>>1, uint64(len(out)))
			size := (width + 7) / 8
			if len(src) < size {
				return errShort
			}
			var word [4]byte
			copy(word[:], src[:size])
			fill(out[:run], T(binary.LittleEndian.Uint32(word[:])))
			out, src = out[run:], src[size:]
			continue
		}
		// The last group may be cut behind the last value.
		most := min(head>>1, uint64(len(src)))
		run := min(int(most)*8, len(out))
		if err := unpack(out[:run], src, width); err != nil {
			return err
		}
		out, src = out[run:], src[min(int(most)*width, len(src)):]
	}
	return nil
}

func fill[T any](out []T, v T) {
	for i := range out {
		out[i] = v
	}
}

// packedLevels reads the deprecated encoding BIT_PACKED: the highest bits first.
func packedLevels(out []uint8, src []byte, width int) error {
	if (len(out)*width+7)/8 > len(src) {
		return errShort
	}
	for i := range out {
		v := uint8(0)
		for bit := i * width; bit < (i+1)*width; bit++ {
			v = v<<1 | src[bit>>3]>>(7-bit&7)&1
		}
		out[i] = v
	}
	return nil
}
