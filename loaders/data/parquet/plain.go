package parquet

import (
	"encoding/binary"
)

// raw holds decoded values until they are boxed: words of numbers and booleans,
// texts of what has bytes.
type raw struct {
	words []uint64
	texts []string
}

// plainWords reads n numbers of a width of 4 or 8 bytes, or booleans of a bit.
func (v *raw) plainWords(src []byte, p physical, n int) error {
	if p == boolean {
		return v.bits(src, n)
	}
	width := p.width()
	if n > len(src)/width {
		return errShort
	}
	v.words = grown(v.words, n)
	for i := range v.words {
		v.words[i] = wordAt(src[i*width:], p)
	}
	return nil
}

// wordAt reads one number; whole ones are extended by their sign.
func wordAt(src []byte, p physical) uint64 {
	switch p {
	case int32s:
		return uint64(int32(binary.LittleEndian.Uint32(src)))
	case floats:
		return uint64(binary.LittleEndian.Uint32(src))
	}
	return binary.LittleEndian.Uint64(src)
}

func (v *raw) bits(src []byte, n int) error {
	if (n+7)/8 > len(src) {
		return errShort
	}
	v.words = grown(v.words, n)
	for i := range v.words {
		v.words[i] = uint64(src[i>>3] >> (i & 7) & 1)
	}
	return nil
}

// runBits reads n booleans of the encoding RLE, behind their length.
func (v *raw) runBits(src []byte, n int) error {
	size, err := prefix(src)
	if err != nil {
		return err
	}
	bits := make([]uint8, n)
	if err := hybrid(bits, src[4:4+size], 1); err != nil {
		return err
	}
	v.words = grown(v.words, n)
	for i, b := range bits {
		v.words[i] = uint64(b)
	}
	return nil
}

// prefix reads the length of four bytes before what it counts.
func prefix(src []byte) (int, error) {
	if len(src) < 4 || int64(binary.LittleEndian.Uint32(src)) > int64(len(src)-4) {
		return 0, errShort
	}
	return int(binary.LittleEndian.Uint32(src)), nil
}

// plainTexts reads n texts, each behind its length or all of one length.
func (v *raw) plainTexts(src []byte, p physical, length, n int) error {
	if p != byteArrays {
		if length > 0 && n > len(src)/length {
			return errShort
		}
		v.cut(string(src[:n*length]), length, n)
		return nil
	}
	if n > len(src)/4 {
		return errShort
	}
	all := string(src) // which the texts share
	v.texts = grown(v.texts, n)
	for i, at := 0, 0; i < n; i++ {
		size, err := prefix(src[at:])
		if err != nil {
			return err
		}
		v.texts[i] = all[at+4 : at+4+size]
		at += 4 + size
	}
	return nil
}

// cut takes n texts of one length out of one text.
func (v *raw) cut(all string, length, n int) {
	v.texts = grown(v.texts, n)
	for i := range v.texts {
		v.texts[i] = all[i*length : (i+1)*length]
	}
}

// split reads BYTE_STREAM_SPLIT: first the first byte of each value, then the
// second of each.
func (v *raw) split(src []byte, p physical, length, n int) error {
	if length > 0 && n > len(src)/length {
		return errShort
	}
	joined := make([]byte, n*length)
	for b := range length {
		for i, c := range src[b*n : (b+1)*n] {
			joined[i*length+b] = c
		}
	}
	if p == fixedArrays {
		v.cut(string(joined), length, n)
		return nil
	}
	return v.plainWords(joined, p, n)
}

// grown gives a slice of n elements, the old one if that has room.
func grown[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
