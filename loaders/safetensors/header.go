// Package safetensors reads and writes the safetensors format: eight bytes of
// header length, a JSON header, then the tensors' bytes. Its reader takes
// untrusted files: every length is checked before it is used.
package safetensors

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/rouxml/roux/tensor"
)

// maxHeader is the largest header that the reference implementation accepts.
const maxHeader = 100_000_000

// entry is one tensor of a header.
type entry struct {
	info       tensor.Info
	begin, end int64 // from the first byte behind the header
}

// header is what stands before the bytes.
type header struct {
	metadata map[string]string
	entries  []entry // in the order of their bytes
	index    map[string]int
	size     int64 // of the length field and the JSON
}

// readHeader reads and checks the header of a file of the given size.
func readHeader(r io.ReaderAt, size int64) (*header, error) {
	var head [8]byte
	if size < 8 {
		return nil, fmt.Errorf("the file has %d bytes, fewer than a header: it is truncated or no safetensors file", size)
	}
	if _, err := r.ReadAt(head[:], 0); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint64(head[:])
	if n > maxHeader || int64(n) > size-8 {
		return nil, fmt.Errorf("the header claims %d bytes in a file of %d: it is truncated or no safetensors file", n, size)
	}
	text := make([]byte, n)
	if _, err := r.ReadAt(text, 8); err != nil && err != io.EOF {
		return nil, err
	}
	h, err := parseHeader(text)
	if err != nil {
		return nil, err
	}
	h.size = 8 + int64(n)
	return h, h.check(size - h.size)
}

// parseHeader reads the JSON. Names that stand twice are seen, which a map
// would hide.
func parseHeader(text []byte) (*header, error) {
	s := &scanner{text: text}
	h := &header{}
	if s.peek() != '{' {
		return nil, fmt.Errorf("header is not a JSON object: %w", s.want('{'))
	}
	metadata := false
	err := s.object(func(key string) error {
		if key != "__metadata__" {
			return h.tensor(s, key)
		}
		if metadata {
			return errors.New("__metadata__ stands twice")
		}
		metadata = true
		if err := s.decode(&h.metadata); err != nil {
			return fmt.Errorf("__metadata__: %w", err)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	if s.peek(); s.at < len(text) {
		return nil, fmt.Errorf("header: %d bytes behind its end", len(text)-s.at)
	}
	slices.SortStableFunc(h.entries, func(a, b entry) int { return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end)) })
	return h, h.number()
}

// number makes the index.
func (h *header) number() error {
	h.index = make(map[string]int, len(h.entries))
	for i, e := range h.entries {
		if _, twice := h.index[e.info.Name]; twice {
			return fmt.Errorf("header: tensor %q stands twice", e.info.Name)
		}
		h.index[e.info.Name] = i
	}
	return nil
}

// tensor reads one entry.
func (h *header) tensor(s *scanner, name string) error {
	e := entry{info: tensor.Info{Name: name}}
	var has struct{ dtype, shape, offsets bool }
	err := s.object(func(key string) (err error) {
		switch key {
		case "dtype":
			if err = once(&has.dtype, key); err == nil {
				e.info.DType, err = s.dtype()
			}
		case "shape":
			if err = once(&has.shape, key); err == nil {
				e.info.Shape, err = s.shape()
			}
		case "data_offsets":
			if err = once(&has.offsets, key); err == nil {
				e.begin, e.end, err = s.offsets()
			}
		default:
			var unknown json.RawMessage
			err = s.decode(&unknown)
		}
		return err
	})
	if err == nil && (!has.dtype || !has.shape || !has.offsets) {
		err = errors.New("it needs dtype, shape and data_offsets")
	}
	if err != nil {
		return fmt.Errorf("tensor %q: %w", name, err)
	}
	h.entries = append(h.entries, e)
	return nil
}

// once refuses a key that was seen: readers differ in which of two they take.
func once(seen *bool, key string) error {
	if *seen {
		return fmt.Errorf("its %s stands twice", key)
	}
	*seen = true
	return nil
}

// dtype takes the format's own spelling alone.
func (s *scanner) dtype() (tensor.DType, error) {
	spelled, err := s.string()
	if err != nil {
		return tensor.Invalid, err
	}
	d, err := tensor.ParseDType(spelled)
	if err == nil && d.String() != spelled {
		err = fmt.Errorf("unknown dtype %q", spelled)
	}
	return d, err
}

// offsets takes where a tensor's bytes begin and end.
func (s *scanner) offsets() (begin, end int64, err error) {
	count := 0
	err = s.list('[', ']', func() (err error) {
		begin = end
		end, err = s.int()
		count++
		return err
	})
	if err == nil && count != 2 {
		err = fmt.Errorf("data_offsets has %d numbers where two belong", count)
	}
	return begin, end, err
}

// maxDims is far more dimensions than any framework has.
const maxDims = 64

func (s *scanner) shape() (tensor.Shape, error) {
	var dims [maxDims]int
	n := 0
	err := s.list('[', ']', func() error {
		if n == maxDims {
			return fmt.Errorf("its shape has more than %d dimensions", maxDims)
		}
		d, err := s.int()
		dims[n], n = int(d), n+1
		return err
	})
	return slices.Clone(dims[:n]), err
}

// check holds every entry to the bytes that there are: sizes right, no
// overlap, no holes, nothing left over.
func (h *header) check(data int64) error {
	at := int64(0)
	for _, e := range h.entries {
		if err := e.info.Shape.Check(); err != nil {
			return fmt.Errorf("tensor %q: %w", e.info.Name, err)
		}
		switch {
		case e.begin < 0 || e.end < e.begin:
			return fmt.Errorf("tensor %q: its bytes run from %d to %d", e.info.Name, e.begin, e.end)
		case e.end > data:
			return fmt.Errorf("tensor %q ends at byte %d of %d: the file is truncated; fetch it again", e.info.Name, e.end, data)
		case e.end-e.begin != e.info.Bytes():
			return fmt.Errorf("tensor %q has %d bytes, but %s %v takes %d", e.info.Name, e.end-e.begin, e.info.DType, e.info.Shape, e.info.Bytes())
		case e.begin < at:
			return fmt.Errorf("tensor %q overlaps the one before it", e.info.Name)
		case e.begin > at:
			return fmt.Errorf("%d bytes before tensor %q belong to no tensor", e.begin-at, e.info.Name)
		}
		at = e.end
	}
	if at != data {
		return fmt.Errorf("%d bytes at the end belong to no tensor", data-at)
	}
	return nil
}
