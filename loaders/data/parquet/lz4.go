package parquet

import "errors"

var errLZ4 = errors.New("it is no block of LZ4")

// lz4 appends what a block of LZ4 holds to dst, and never beyond its capacity.
// Source: lz4_Block_format.md of the LZ4 project.
func lz4(dst, src []byte) ([]byte, error) {
	for len(src) > 0 {
		token := src[0]
		literals, rest, ok := lz4Length(src[1:], int(token>>4))
		if !ok || literals > len(rest) || literals > cap(dst)-len(dst) {
			return nil, errLZ4
		}
		dst, src = append(dst, rest[:literals]...), rest[literals:]
		if len(src) == 0 { // the last sequence has literals alone
			return dst, nil
		}
		if len(src) < 2 {
			return nil, errLZ4
		}
		back := int(src[0]) | int(src[1])<<8
		size, rest, ok := lz4Length(src[2:], int(token&15))
		size += 4
		if !ok || back == 0 || back > len(dst) || size > cap(dst)-len(dst) {
			return nil, errLZ4
		}
		dst, src = repeat(dst, back, size), rest
	}
	return nil, errLZ4
}

// lz4Length reads the bytes that go on with a length of 15.
func lz4Length(src []byte, n int) (int, []byte, bool) {
	if n < 15 {
		return n, src, true
	}
	for i, b := range src {
		n += int(b)
		if b != 255 {
			return n, src[i+1:], true
		}
	}
	return 0, nil, false
}

// repeat appends size bytes from back bytes ago, which may be those it appends.
func repeat(dst []byte, back, size int) []byte {
	for size > 0 {
		from := len(dst) - back
		n := min(size, back)
		dst = append(dst, dst[from:from+n]...)
		back += n // what was appended repeats as well
		size -= n
	}
	return dst
}
