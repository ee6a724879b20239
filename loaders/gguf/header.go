// Package gguf reads the files of llama.cpp: metadata, then tensors, many of
// them in blocks of few bits. Its reader takes untrusted files: every length is
// held to the bytes that there are. The format is that of ggml's docs/gguf.md,
// versions 2 and 3, little endian.
package gguf

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// Header is what stands before the bytes of the tensors.
type Header struct {
	Version  uint32
	Metadata Metadata
	Tensors  []Entry // in the order of their bytes
	Data     int64   // where the bytes begin in the file
}

// Entry is one tensor of a header.
type Entry struct {
	Name string
	// Shape is as other formats tell it: rows first. GGUF stores it reversed.
	Shape []int
	// Type is ggml's number of the type of the elements.
	Type uint32
	// Offset is from Data.
	Offset int64
}

const (
	maxDims     = 4
	maxTensors  = 1 << 20
	longestName = 1 << 12
	defaultPage = 32
)

// ReadHeader reads and checks everything but the sizes of tensors, which depend
// on types that the caller knows.
func ReadHeader(r io.Reader, size int64) (*Header, error) {
	c := newCursor(r, size)
	if string(c.bytes(min(4, size))) != "GGUF" {
		return nil, errMagic
	}
	h := &Header{Version: c.u32()}
	switch {
	case c.err != nil:
	case h.Version == 1:
		c.fail("version 1 is not read: convert the model anew with today's llama.cpp")
	case h.Version<<8 == 0 && h.Version != 0:
		c.fail("the file is big endian, which is not read")
	case h.Version != 2 && h.Version != 3:
		c.fail("version %d is unknown; 2 and 3 are read", h.Version)
	}
	tensors := c.count(24, "tensors")
	if tensors > maxTensors {
		c.fail("%d tensors are claimed; at most %d are read", tensors, maxTensors)
	}
	h.metadata(c)
	h.entries(c, tensors)
	if c.err != nil {
		return nil, c.err
	}
	page, err := h.Metadata.alignment()
	if err != nil {
		return nil, err
	}
	h.Data = (c.at + page - 1) / page * page
	for _, e := range h.Tensors {
		if e.Offset%page != 0 {
			return nil, fmt.Errorf("tensor %q begins at %d, which is no multiple of %d", e.Name, e.Offset, page)
		}
	}
	return h, nil
}

func (h *Header) metadata(c *cursor) {
	h.Metadata.values = map[string]any{}
	for range c.count(13, "keys") {
		key := c.string(longestKey)
		v := c.value(c.u32(), 0)
		if c.err != nil {
			return
		}
		if _, twice := h.Metadata.values[key]; twice {
			c.fail("key %q stands twice", key)
			return
		}
		h.Metadata.keys = append(h.Metadata.keys, key)
		h.Metadata.values[key] = v
	}
}

func (h *Header) entries(c *cursor, n int) {
	seen := map[string]bool{}
	for range n {
		e := c.entry()
		if c.err != nil {
			return
		}
		if seen[e.Name] {
			c.fail("tensor %q stands twice", e.Name)
			return
		}
		seen[e.Name] = true
		h.Tensors = append(h.Tensors, e)
	}
	slices.SortStableFunc(h.Tensors, func(a, b Entry) int {
		switch {
		case a.Offset < b.Offset:
			return -1
		case a.Offset > b.Offset:
			return 1
		}
		return strings.Compare(a.Name, b.Name)
	})
}

func (c *cursor) entry() Entry {
	e := Entry{Name: c.string(longestName)}
	dims := c.u32()
	if dims > maxDims {
		c.fail("tensor %q has %d dimensions; at most %d are read", e.Name, dims, maxDims)
		return e
	}
	e.Shape = make([]int, dims)
	numel := uint64(1)
	for i := range e.Shape {
		d := c.word(8)
		if d > math.MaxInt32 || d != 0 && numel > math.MaxInt64/8/d {
			c.fail("tensor %q has more elements than can be addressed", e.Name)
			return e
		}
		numel *= d
		e.Shape[int(dims)-1-i] = int(d)
	}
	e.Type = c.u32()
	off := c.word(8)
	if off > math.MaxInt64/2 {
		c.fail("tensor %q begins at byte %d", e.Name, off)
	}
	e.Offset = int64(off)
	return e
}
