package data

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/parquet-go/parquet-go/format"
)

// deltas is the payload of a page of one of the encodings by differences.
func (k *chunk) deltas(e format.Encoding, data []byte, n int64) (int64, error) {
	if e == format.DeltaBinaryPacked {
		_, total, err := deltaHead(data)
		if err == nil && total > n {
			err = errTooMany
		}
		return n * k.width(), err
	}
	sum := int64(0)
	lists := 1 // of lengths
	if e == format.DeltaByteArray {
		lists = 2 // of shared beginnings and of what follows them
	}
	for range lists {
		part, rest, err := deltaSum(data, n)
		if err != nil {
			return 0, err
		}
		sum, data = sum+part, rest
	}
	return max(sum, n*k.width()), nil
}

var errTooMany = errors.New("damaged: a page's differences say more values than it has")

// block is how values by differences are cut.
type block struct{ values, parts int64 }

// deltaHead reads the head of a list of differences.
func deltaHead(data []byte) (b block, total int64, err error) {
	var words [4]uint64
	for i := range words {
		v, n := binary.Uvarint(data)
		if n <= 0 {
			return b, 0, errors.New("damaged: a page ends within its differences")
		}
		words[i], data = v, data[n:]
	}
	b, total = block{int64(words[0]), int64(words[1])}, int64(words[2])
	if b.parts < 1 || b.parts > 1<<16 || b.values < b.parts || b.values > 1<<20 || b.values%b.parts != 0 || total < 0 {
		return b, 0, fmt.Errorf("damaged: differences in blocks of %d by %d", b.values, b.parts)
	}
	return b, total, nil
}

// deltaSum adds up lengths that are told by differences, and returns what
// follows them.
func deltaSum(data []byte, n int64) (sum int64, rest []byte, err error) {
	b, total, err := deltaHead(data)
	if err != nil {
		return 0, nil, err
	}
	if total > n {
		return 0, nil, errTooMany
	}
	for range 3 {
		_, k := binary.Uvarint(data)
		data = data[k:]
	}
	last, k := binary.Varint(data)
	data = data[max(k, 0):]
	if total == 0 {
		return 0, data, nil
	}
	add := func(v int64) error {
		if last += v; last < 0 || last > 1<<31 {
			return fmt.Errorf("damaged: a text of %d bytes", last)
		}
		sum += last
		return nil
	}
	if err := add(0); err != nil {
		return 0, nil, err
	}
	for total--; total > 0; {
		if total, data, err = b.take(data, total, add); err != nil {
			return 0, nil, err
		}
	}
	return sum, data, nil
}

// take reads a block of differences.
func (b block) take(data []byte, left int64, add func(int64) error) (int64, []byte, error) {
	least, k := binary.Varint(data)
	if k <= 0 || int64(len(data)-k) < b.parts {
		return 0, nil, errors.New("damaged: a page ends within its differences")
	}
	widths := data[k : k+int(b.parts)]
	data = data[k+int(b.parts):]
	per := b.values / b.parts
	for _, width := range widths {
		if left == 0 {
			break
		}
		size := min(per*int64(width)/8, int64(len(data)))
		if width > 32 {
			return 0, nil, fmt.Errorf("damaged: differences of %d bits", width)
		}
		for i := range min(per, left) {
			if err := add(int64(int32(least) + int32(packedAt(data[:size], i*int64(width), int(width))))); err != nil {
				return 0, nil, err
			}
		}
		left, data = left-min(per, left), data[size:]
	}
	return left, data, nil
}

// packedAt is a number of up to 32 bits.
func packedAt(data []byte, at int64, width int) uint32 {
	var word [8]byte
	if at/8 < int64(len(data)) {
		copy(word[:], data[at/8:])
	}
	return uint32(binary.LittleEndian.Uint64(word[:]) >> (at % 8) & (1<<width - 1))
}
