// Package safetensors reads and writes the safetensors format: eight bytes of
// header length, a JSON header, then the tensors' bytes. Its reader takes
// untrusted files: every length is checked before it is used.
package safetensors

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
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
	size     int64   // of the length field and the JSON
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

// parseHeader reads the JSON token by token, so that names which stand twice
// are seen.
func parseHeader(text []byte) (*header, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	h := &header{}
	seen := map[string]bool{}
	if err := wantDelim(d, '{'); err != nil {
		return nil, err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("header: %w", err)
		}
		key, _ := name.(string)
		if seen[key] {
			return nil, fmt.Errorf("header: tensor %q stands twice", key)
		}
		seen[key] = true
		if err := h.field(d, key); err != nil {
			return nil, err
		}
	}
	if err := wantDelim(d, '}'); err != nil {
		return nil, err
	}
	if rest := bytes.TrimSpace(text[d.InputOffset():]); len(rest) > 0 {
		return nil, fmt.Errorf("header: %d bytes behind its end", len(rest))
	}
	slices.SortStableFunc(h.entries, func(a, b entry) int { return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end)) })
	return h, nil
}

func wantDelim(d *json.Decoder, want json.Delim) error {
	t, err := d.Token()
	if err == nil && t != want {
		err = fmt.Errorf("found %v where %v belongs", t, want)
	}
	if err != nil {
		return fmt.Errorf("header is not a JSON object: %w", err)
	}
	return nil
}

func (h *header) field(d *json.Decoder, key string) error {
	if key == "__metadata__" {
		if err := d.Decode(&h.metadata); err != nil {
			return fmt.Errorf("header: __metadata__: %w", err)
		}
		return nil
	}
	var raw struct {
		DType   string   `json:"dtype"`
		Shape   []int    `json:"shape"`
		Offsets [2]int64 `json:"data_offsets"`
	}
	if err := d.Decode(&raw); err != nil {
		return fmt.Errorf("header: tensor %q: %w", key, err)
	}
	dt, err := parseDType(raw.DType)
	if err != nil {
		return fmt.Errorf("header: tensor %q: %w", key, err)
	}
	h.entries = append(h.entries, entry{info: tensor.Info{Name: key, DType: dt, Shape: raw.Shape}, begin: raw.Offsets[0], end: raw.Offsets[1]})
	return nil
}

// parseDType takes the format's own spelling alone.
func parseDType(s string) (tensor.DType, error) {
	d, err := tensor.ParseDType(s)
	if err == nil && d.String() != s {
		err = fmt.Errorf("unknown dtype %q", s)
	}
	return d, err
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
