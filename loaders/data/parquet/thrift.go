package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// maxThrift bounds how deeply structs and lists of the metadata nest; those of
// the format nest 8 deep.
const maxThrift = 24

// Types of the compact protocol.
const (
	thriftTrue   = 1
	thriftFalse  = 2
	thriftByte   = 3
	thriftI16    = 4
	thriftI32    = 5
	thriftI64    = 6
	thriftDouble = 7
	thriftBinary = 8
	thriftList   = 9
	thriftSet    = 10
	thriftMap    = 11
	thriftStruct = 12
	thriftUUID   = 13
)

// thrift reads Apache Thrift's compact protocol. The first error stays, and
// after it everything reads as zero, so that callers look once.
type thrift struct {
	src     []byte
	at      int
	depth   int
	pending byte // the type of a value that is next and was not read yet
	inList  bool // a bool in a list has a byte of its own
	err     error
}

func (t *thrift) fail(format string, args ...any) {
	if t.err == nil {
		t.err = fmt.Errorf(format, args...)
	}
	t.at = len(t.src)
}

func (t *thrift) byte() byte {
	if t.at >= len(t.src) {
		t.fail("the metadata ends too early")
		return 0
	}
	t.at++
	return t.src[t.at-1]
}

func (t *thrift) uvarint() uint64 {
	v, n := binary.Uvarint(t.src[t.at:])
	if n <= 0 {
		t.fail("the metadata ends too early")
		return 0
	}
	t.at += n
	return v
}

// count reads a length; each thing counted takes a byte at least.
func (t *thrift) count() int {
	n := t.uvarint()
	if n > uint64(len(t.src)-t.at) {
		t.fail("the metadata says a length of %d, and %d bytes are left", n, len(t.src)-t.at)
		return 0
	}
	return int(n)
}

// enter counts the nesting; what it returns leaves.
func (t *thrift) enter() func() {
	if t.depth++; t.depth > maxThrift {
		t.fail("the metadata nests too deeply")
	}
	return func() { t.depth-- }
}

// record reads a struct: field is called for each field, and may read its value.
func (t *thrift) record(field func(id int16)) {
	if !t.take(thriftStruct) {
		return
	}
	defer t.enter()()
	id := int16(0)
	for t.err == nil {
		head := t.byte()
		kind := head & 15
		if kind == 0 {
			return
		}
		if delta := int16(head >> 4); delta != 0 {
			id += delta
		} else {
			id = int16(unzigzag(t.uvarint()))
		}
		t.pending, t.inList = kind, false
		field(id)
		t.skip()
	}
}

// list reads a list: element is called for each, and may read it.
func (t *thrift) list(element func()) {
	if !t.take(thriftList) {
		return
	}
	defer t.enter()()
	head := t.byte()
	n := int(head >> 4)
	if n == 15 {
		n = t.count()
	}
	for range n {
		if t.err != nil {
			return
		}
		t.pending, t.inList = head&15, true
		element()
		t.skip()
	}
}

// take consumes the value that is next if it has the type; otherwise the
// metadata is wrong.
func (t *thrift) take(kinds ...byte) bool {
	got := t.pending
	t.pending = 0
	for _, kind := range kinds {
		if got == kind {
			return t.err == nil
		}
	}
	t.fail("a field of the metadata has the type %d, not %d", got, kinds[0])
	return false
}

// int reads a whole number of any size.
func (t *thrift) int() int64 {
	if t.pending == thriftByte {
		t.pending = 0
		return int64(int8(t.byte()))
	}
	if !t.take(thriftI64, thriftI32, thriftI16) {
		return 0
	}
	return unzigzag(t.uvarint())
}

// int32 reads a whole number that must fit 32 bits.
func (t *thrift) int32() int32 {
	v := t.int()
	if int64(int32(v)) != v {
		t.fail("the metadata says %d where 32 bits are all", v)
	}
	return int32(v)
}

func (t *thrift) bool() bool {
	kind := t.pending
	if !t.take(thriftTrue, thriftFalse) {
		return false
	}
	if t.inList {
		return t.byte() == thriftTrue
	}
	return kind == thriftTrue
}

func (t *thrift) text() string {
	if !t.take(thriftBinary) {
		return ""
	}
	n := t.count()
	t.at += n
	return string(t.src[t.at-n : t.at])
}

// skip passes over the value that is next, if it was not read.
func (t *thrift) skip() {
	kind := t.pending
	switch kind {
	case 0:
		return
	case thriftTrue, thriftFalse:
		t.bool()
	case thriftByte:
		t.int()
	case thriftI16, thriftI32, thriftI64:
		t.int()
	case thriftDouble:
		t.pass(8)
	case thriftUUID:
		t.pass(16)
	case thriftBinary:
		t.text()
	case thriftStruct:
		t.record(func(int16) {})
	case thriftList, thriftSet:
		t.pending = thriftList
		t.list(func() {})
	case thriftMap:
		t.pending = 0
		t.skipMap()
	default:
		t.fail("the metadata has a field of the unknown type %d", kind)
	}
}

func (t *thrift) pass(n int) {
	t.pending = 0
	if n > len(t.src)-t.at {
		t.fail("the metadata ends too early")
		return
	}
	t.at += n
}

func (t *thrift) skipMap() {
	defer t.enter()()
	n := t.count()
	if n == 0 {
		return
	}
	kinds := t.byte()
	for range n {
		for _, kind := range []byte{kinds >> 4, kinds & 15} {
			if kind == 0 {
				t.fail("the metadata has a map without types")
			}
			if t.err != nil {
				return
			}
			t.pending, t.inList = kind, true
			t.skip()
		}
	}
}

func unzigzag(v uint64) int64 { return int64(v>>1) ^ -int64(v&1) }

// decode reads one struct from the beginning of src and says how long it was.
func decode(src []byte, field func(t *thrift, id int16)) (int, error) {
	t := &thrift{src: src, pending: thriftStruct}
	t.record(func(id int16) { field(t, id) })
	if t.err == nil && t.at == 0 {
		t.err = errors.New("the metadata is empty")
	}
	return t.at, t.err
}
