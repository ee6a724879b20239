package gguf

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// cursor reads a header in order and knows how many bytes are left, so that no
// claimed length is believed before it is held to them.
type cursor struct {
	r    *bufio.Reader
	at   int64
	left int64
	err  error // the first; what follows reads zeros
}

func newCursor(r io.Reader, size int64) *cursor {
	return &cursor{r: bufio.NewReaderSize(r, 1<<16), left: size}
}

// bytes reads n bytes.
func (c *cursor) bytes(n int64) []byte {
	if c.err != nil {
		return nil
	}
	if n < 0 || n > c.left {
		c.fail("%d bytes are claimed and %d are left: the file is truncated or no GGUF file", n, c.left)
		return nil
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(c.r, b); err != nil {
		c.err = err
		return nil
	}
	c.at, c.left = c.at+n, c.left-n
	return b
}

func (c *cursor) fail(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf("byte %d: %w", c.at, fmt.Errorf(format, args...))
	}
}

func (c *cursor) word(size int) uint64 {
	var w [8]byte
	copy(w[:], c.bytes(int64(size)))
	return binary.LittleEndian.Uint64(w[:])
}

func (c *cursor) u32() uint32 { return uint32(c.word(4)) }

// string reads a length and so many bytes.
func (c *cursor) string(most int64) string {
	n := c.word(8)
	if n > uint64(most) {
		c.fail("a text of %d bytes is claimed; at most %d are allowed here", n, most)
		return ""
	}
	return string(c.bytes(int64(n)))
}

// count reads how many things follow, each of at least so many bytes.
func (c *cursor) count(least int64, what string) int {
	n := c.word(8)
	if c.err == nil && n > uint64(c.left/least) {
		c.fail("%d %s are claimed and %d bytes are left: the file is truncated or no GGUF file", n, what, c.left)
		return 0
	}
	return int(n)
}

// The types of values, by their numbers in files.
const (
	typeU8 = iota
	typeI8
	typeU16
	typeI16
	typeU32
	typeI32
	typeF32
	typeBool
	typeString
	typeArray
	typeU64
	typeI64
	typeF64
)

// sizes of the types that have one.
var sizes = map[uint32]int{typeU8: 1, typeI8: 1, typeU16: 2, typeI16: 2, typeU32: 4, typeI32: 4, typeF32: 4, typeBool: 1, typeU64: 8, typeI64: 8, typeF64: 8}

const (
	longestText  = 1 << 24 // chat templates are the longest
	longestKey   = 1 << 16
	deepestArray = 2
)

// value reads one value: uint64, int64, float64, bool, string, or a list as
// list makes it.
func (c *cursor) value(kind uint32, depth int) any {
	switch kind {
	case typeString:
		return c.string(longestText)
	case typeArray:
		return c.list(depth + 1)
	}
	size, ok := sizes[kind]
	if !ok {
		c.fail("a value has the unknown type %d", kind)
		return nil
	}
	return number(kind, c.word(size))
}

// number turns the bits of a value into what they mean.
func number(kind uint32, bits uint64) any {
	switch kind {
	case typeI8:
		return int64(int8(bits))
	case typeI16:
		return int64(int16(bits))
	case typeI32:
		return int64(int32(bits))
	case typeI64:
		return int64(bits)
	case typeF32:
		return float64(math.Float32frombits(uint32(bits)))
	case typeF64:
		return math.Float64frombits(bits)
	case typeBool:
		return bits != 0
	}
	return bits
}

// list reads an array: []string, []float64, []int64 (of every type of whole
// number that fits), []uint64, []bool or [][]any's like of lists.
func (c *cursor) list(depth int) any {
	kind := c.u32()
	if depth > deepestArray {
		c.fail("lists lie within lists more than %d deep", deepestArray)
		return nil
	}
	switch kind {
	case typeString:
		return many(c, 8, func() string { return c.string(longestText) })
	case typeArray:
		return many(c, 12, func() any { return c.list(depth + 1) })
	case typeF32, typeF64:
		return many(c, int64(sizes[kind]), func() float64 { f, _ := c.value(kind, depth).(float64); return f })
	case typeBool:
		return many(c, 1, func() bool { return c.word(1) != 0 })
	case typeU64:
		return many(c, 8, func() uint64 { return c.word(8) })
	}
	size, ok := sizes[kind]
	if !ok {
		c.fail("a list has elements of the unknown type %d", kind)
		return nil
	}
	return many(c, int64(size), func() int64 { return whole(number(kind, c.word(size))) })
}

// whole is a number of at most 63 bits.
func whole(v any) int64 {
	switch v := v.(type) {
	case int64:
		return v
	case uint64:
		return int64(v)
	}
	return 0
}

// many reads a count and so many elements of at least so many bytes.
func many[T any](c *cursor, least int64, one func() T) []T {
	n := c.count(least, "elements of a list")
	out := make([]T, 0, min(n, 1<<20))
	for range n {
		if c.err != nil {
			return nil
		}
		out = append(out, one())
	}
	return out
}

var errMagic = errors.New("it does not begin with GGUF: this is no GGUF file")
