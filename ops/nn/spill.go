package nn

import (
	"fmt"
	"unsafe"
)

// hidden is the memory of a batch's hidden states: Go's, or that of a file that
// has no name any more, whose pages go to the disk when others need the memory.
type hidden struct {
	x    []float32
	file []byte
}

// newHidden returns memory for n elements.
func (o Options) newHidden(n int) (*hidden, error) {
	if o.Spill == "" || int64(n)*4 <= o.SpillAbove {
		return &hidden{x: make([]float32, n)}, nil
	}
	b, err := mapFile(o.Spill, 4*n)
	if err != nil {
		return nil, fmt.Errorf("no room for %d MB of hidden states in %s: %w: make room there, choose another folder with --cache, or raise --memory", int64(n)*4/1e6, o.Spill, err)
	}
	return &hidden{unsafe.Slice((*float32)(unsafe.Pointer(&b[0])), n), b}, nil
}

// rest lets the pages of some elements go from this process; they come back
// when they are touched.
func (h *hidden) rest(from, to int) {
	const page = 1 << 16 // a multiple of every page size in use
	if first, end := (4*from+page-1)&^(page-1), 4*to&^(page-1); h.file != nil && first < end {
		forget(h.file[first:end])
	}
}

func (h *hidden) close() error {
	if h.file == nil {
		return nil
	}
	b := h.file
	h.x, h.file = nil, nil
	return unmapFile(b)
}
