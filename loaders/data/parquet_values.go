package data

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// slack is how many values the last run of a page may have too many: runs of
// packed bits come by eights, and some writers fill up whole blocks.
const slack = 1024

// width is how many bytes a value of the column has; 0 for texts.
func (k *chunk) width() int64 {
	switch k.column.Type().Kind() {
	case parquet.Boolean:
		return 1
	case parquet.Int32, parquet.Float:
		return 4
	case parquet.Int64, parquet.Double:
		return 8
	case parquet.Int96:
		return 12
	case parquet.FixedLenByteArray:
		return max(1, int64(k.column.Type().Length()))
	}
	return 0
}

func bitsOf(most int) int { return bits.Len(uint(most)) }

// levels vets the levels of a page of the first version and returns what
// follows them.
func (k *chunk) levels(data []byte, n int64, rep, def format.Encoding) ([]byte, error) {
	for _, l := range []struct {
		most int
		enc  format.Encoding
	}{{k.column.MaxRepetitionLevel(), rep}, {k.column.MaxDefinitionLevel(), def}} {
		if l.most == 0 {
			continue
		}
		part, rest, err := prefixed(data)
		if err != nil {
			return nil, err
		}
		if l.enc == format.RLE {
			if err := runs(part, bitsOf(l.most), n+slack, nil); err != nil {
				return nil, err
			}
		} else if err := k.spend(8 * int64(len(part))); err != nil { // packed bits alone
			return nil, err
		}
		data = rest
	}
	return data, nil
}

// prefixed cuts off bytes behind their number.
func prefixed(data []byte) (part, rest []byte, err error) {
	if len(data) < 4 || uint64(binary.LittleEndian.Uint32(data)) > uint64(len(data)-4) {
		return nil, nil, errors.New("damaged: a page ends too early")
	}
	n := 4 + int(binary.LittleEndian.Uint32(data))
	return data[4:n], data[n:], nil
}

// payload is how many bytes the values of a page have once they are decoded.
func (k *chunk) payload(e format.Encoding, data []byte, n int64) (int64, error) {
	width := k.width()
	if n < 0 || width > 0 && n > (1<<62)/width {
		return 0, fmt.Errorf("damaged: a page claims %d values", n)
	}
	switch e {
	case format.PlainDictionary, format.RLEDictionary:
		if width > 0 {
			return n * width, k.indices(data, n, nil)
		}
		sum := int64(0)
		err := k.indices(data, n, &sum)
		return sum, err
	case format.RLE:
		part, _, err := prefixed(data)
		if err == nil {
			err = runs(part, 1, n+slack, nil)
		}
		return n, err
	case format.DeltaBinaryPacked, format.DeltaLengthByteArray, format.DeltaByteArray:
		return k.deltas(e, data, n)
	}
	return max(width*n, int64(len(data))), nil
}

// indices walks over those into the dictionary and adds up the lengths of what
// they stand for.
func (k *chunk) indices(data []byte, n int64, sum *int64) error {
	if len(data) == 0 {
		return nil
	}
	if !k.words {
		return errors.New("damaged: a page refers to a dictionary that does not come before it")
	}
	var one func(value uint32, times int64) error
	if sum != nil {
		one = func(value uint32, times int64) error {
			if int64(value) >= int64(len(k.lengths)) {
				if *sum += times; times > slack {
					return fmt.Errorf("damaged: index %d of a dictionary of %d", value, len(k.lengths))
				}
				return nil // maybe what fills up the last run
			}
			*sum += times * int64(k.lengths[value])
			return nil
		}
	}
	return runs(data[1:], int(data[0]), n+slack, one)
}

// runs walks over Parquet's hybrid of runs and packed bits, which may have at
// most so many values.
func runs(data []byte, width int, most int64, one func(value uint32, times int64) error) error {
	if width > 32 {
		return fmt.Errorf("damaged: values of %d bits", width)
	}
	for len(data) > 0 {
		head, n := binary.Uvarint(data)
		if n <= 0 {
			return errors.New("damaged: a run has no length")
		}
		data = data[n:]
		count, size := int64(head>>1&(1<<40-1)), (width+7)/8
		packed := head&1 != 0
		if packed {
			count, size = 8*count, int(min(count*int64(width), int64(len(data)))) // the last may be cut
		}
		if count > most || head>>41 != 0 {
			return fmt.Errorf("damaged: a page's runs say more values than it has")
		}
		most -= count
		if size > len(data) {
			size = len(data)
		}
		if err := each(data[:size], width, count, packed, one); err != nil {
			return err
		}
		data = data[size:]
	}
	return nil
}

// each calls one with the values of a run.
func each(data []byte, width int, count int64, packed bool, one func(value uint32, times int64) error) error {
	if one == nil {
		return nil
	}
	if !packed {
		var word [4]byte
		copy(word[:], data)
		return one(binary.LittleEndian.Uint32(word[:]), count)
	}
	if width == 0 {
		return one(0, count)
	}
	at := 0
	for ; at+width <= 8*len(data); at += width {
		var word [8]byte
		copy(word[:], data[at/8:])
		v := binary.LittleEndian.Uint64(word[:]) >> (at % 8) & (1<<width - 1)
		if err := one(uint32(v), 1); err != nil {
			return err
		}
	}
	return nil
}

// textLengths reads a plain list of texts.
func textLengths(data []byte, n int64) ([]int32, error) {
	lengths := make([]int32, 0, min(n, int64(len(data)/4)))
	for range n {
		part, rest, err := prefixed(data)
		if err != nil {
			return nil, err
		}
		lengths, data = append(lengths, int32(len(part))), rest
	}
	return lengths, nil
}
