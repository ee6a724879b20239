package data

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// compact walks over a struct of Thrift's compact protocol and decodes nothing.
// Parquet's footer and page headers are such structs; the library allocates
// what their lists and texts claim before it sees whether they are there, and
// recurses as deep as they lie in one another.
type compact struct {
	text  []byte
	at    int
	items int64 // elements of all lists
}

// deepest is how many structs and lists may lie in one another; Parquet's own
// are six deep.
const deepest = 24

var errThrift = errors.New("damaged: a header ends too early")

func (c *compact) byte() (byte, error) {
	if c.at >= len(c.text) {
		return 0, errThrift
	}
	c.at++
	return c.text[c.at-1], nil
}

func (c *compact) skip(n uint64) error {
	if n > uint64(len(c.text)-c.at) {
		return errThrift
	}
	c.at += int(n)
	return nil
}

func (c *compact) varint() (uint64, error) {
	v, n := binary.Uvarint(c.text[c.at:])
	if n <= 0 {
		return 0, errThrift
	}
	c.at += n
	return v, nil
}

// structure walks to the end of a struct.
func (c *compact) structure(depth int) error {
	if depth > deepest {
		return fmt.Errorf("damaged: a header is nested more than %d deep", deepest)
	}
	for {
		head, err := c.byte()
		if err != nil || head == 0 {
			return err
		}
		if head>>4 == 0 { // the field's number is written out
			if _, err := c.varint(); err != nil {
				return err
			}
		}
		if kind := head & 15; kind != 1 && kind != 2 { // these are true and false
			if err := c.value(kind, depth+1); err != nil {
				return err
			}
		}
	}
}

func (c *compact) value(kind byte, depth int) error {
	switch kind {
	case 1, 2, 3:
		return c.skip(1)
	case 4, 5, 6:
		_, err := c.varint()
		return err
	case 7:
		return c.skip(8)
	case 8:
		n, err := c.varint()
		if err != nil {
			return err
		}
		return c.skip(n)
	case 9, 10:
		return c.list(depth)
	case 11:
		return errors.New("damaged: a header holds a map")
	case 12:
		return c.structure(depth)
	}
	return fmt.Errorf("damaged: a header has a value of type %d", kind)
}

// list takes a list whose elements have a byte at least.
func (c *compact) list(depth int) error {
	if depth > deepest {
		return fmt.Errorf("damaged: a header is nested more than %d deep", deepest)
	}
	head, err := c.byte()
	if err != nil {
		return err
	}
	n := uint64(head >> 4)
	if n == 15 {
		if n, err = c.varint(); err != nil {
			return err
		}
	}
	if n > uint64(len(c.text)-c.at) {
		return errThrift
	}
	c.items += int64(n)
	for range n {
		if err := c.value(head&15, depth+1); err != nil {
			return err
		}
	}
	return nil
}
