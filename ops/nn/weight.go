package nn

import (
	"errors"
	"fmt"
	"io"
	"unsafe"

	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/codec"
	"github.com/rouxml/roux/tensor/kernel/gemm"
)

// matrix is a weight of a linear layer as it is stored, [out, in] or transposed.
// Numbers of 16 bits and blocks of fewer stay so.
type matrix struct {
	name       string
	in, out    int
	transposed bool // stored [in, out]
	half       []byte
	format     gemm.Format
	blocks     []byte // of that type; never transposed
	block      tensor.Block
	full       []float32 // where half and blocks are nil
	bias       []float32 // or nil
}

// apply computes y = scale*x*W' + keep*y for n rows of x; the bias must be in y
// already. From one row to the next are ldx and ldy elements.
func (w *matrix) apply(n int, x []float32, ldx int, y []float32, ldy int, scale, keep float32, workers int) {
	ld := w.in
	if w.transposed {
		ld = w.out
	}
	if w.half != nil {
		gemm.F32Half(w.format, false, !w.transposed, n, w.out, w.in, scale, x, ldx, w.half, ld, keep, y, ldy, workers)
		return
	}
	if w.blocks != nil {
		gemm.F32Blocks(codec.Decoder(w.block), n, w.out, w.in, scale, x, ldx, w.blocks, keep, y, ldy, workers)
		return
	}
	gemm.F32(false, !w.transposed, n, w.out, w.in, scale, x, ldx, w.full, ld, keep, y, ldy, workers)
}

// span takes whole rows of the weights, whatever they are stored as: from the
// from-th to before the to-th element.
func (w *matrix) span(from, to int) {
	switch {
	case w.half != nil:
		w.half = w.half[2*from : 2*to]
	case w.blocks != nil:
		size, values := w.block.Bytes(), w.block.Values()
		w.blocks = w.blocks[from/values*size : to/values*size]
	case w.full != nil:
		w.full = w.full[from:to]
	}
}

// to computes y = x*W' + bias.
func (w *matrix) to(n int, x []float32, ldx int, y []float32, ldy, workers int) {
	if w.bias == nil {
		w.apply(n, x, ldx, y, ldy, 1, 0, workers)
		return
	}
	for i := range n {
		copy(y[i*ldy:i*ldy+w.out], w.bias)
	}
	w.apply(n, x, ldx, y, ldy, 1, 1, workers)
}

// reader takes tensors out of a source into memory that it owns, unless they
// lie in memory already.
type reader struct {
	source tensor.Source
	used   map[string]bool
	dry    bool  // look at headers only: what is read is empty
	read   int64 // with dry: bytes that would have been read or decoded
	err    error
	pages  []byte // reused by reset
	taken  int
}

// reset makes the memory of what was read free again.
func (r *reader) reset() {
	if r.taken > len(r.pages) {
		r.pages = newPages(r.taken + r.taken/16)
	}
	r.taken = 0
}

// room returns n bytes on a cache line, out of what reset made free if they fit.
func (r *reader) room(n int) []byte {
	at := (r.taken + 63) &^ 63
	r.taken = at + n
	if r.taken <= len(r.pages) {
		return r.pages[at:r.taken:r.taken]
	}
	return newPages(n)
}

// newPages returns memory that is read often: small pages would cost a walk
// through their tables every few kilobytes.
func newPages(n int) []byte {
	b := make([]byte, n)
	if n > 0 {
		gemm.HugePages(b)
	}
	return b
}

// find returns the tensor with the first of the names, or none.
func (r *reader) find(names ...string) (tensor.Tensor, bool) {
	for _, n := range names {
		if t, ok := r.source.Tensor(n); ok {
			r.used[n] = true
			return t, true
		}
	}
	return nil, false
}

// stored returns a tensor's bytes.
func (r *reader) stored(t tensor.Tensor) ([]byte, error) {
	if m, ok := t.(tensor.Mapped); ok {
		return m.Bytes(), nil
	}
	size := t.Info().Bytes()
	if size > 1<<40 {
		return nil, fmt.Errorf("tensor %s has %d bytes", t.Info().Name, size)
	}
	b := r.room(int(size))
	if n, err := t.ReadAt(b, 0); n < len(b) {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("tensor %s: %w", t.Info().Name, err)
	}
	return b, nil
}

// count adds what reading a tensor would take.
func (r *reader) count(t tensor.Tensor, decoded bool) {
	info := t.Info()
	if _, ok := t.(tensor.Mapped); !ok {
		r.read += info.Bytes()
	}
	if decoded && (info.DType != tensor.F32 || info.Quant != nil) {
		r.read += 4 * int64(info.Shape.Numel())
	}
}

// floats returns a tensor's values.
func (r *reader) floats(t tensor.Tensor) ([]float32, error) {
	info := t.Info()
	if r.dry {
		r.count(t, true)
		return nil, nil
	}
	b, err := r.stored(t)
	if err != nil {
		return nil, err
	}
	if info.Quant == nil && info.DType == tensor.F32 && len(b) > 0 && uintptr(unsafe.Pointer(&b[0]))%4 == 0 && littleEndian {
		return unsafe.Slice((*float32)(unsafe.Pointer(&b[0])), len(b)/4), nil
	}
	x := r.newFloats(info.Shape.Numel())
	if err := codec.DecodeRows(x, b, info); err != nil {
		return nil, fmt.Errorf("tensor %s: %w", info.Name, err)
	}
	return x, nil
}

func (r *reader) newFloats(n int) []float32 {
	if n == 0 {
		return nil
	}
	b := r.room(4 * n)
	return unsafe.Slice((*float32)(unsafe.Pointer(&b[0])), n)
}

// floatPages is newPages of floats.
func floatPages(n int) []float32 {
	x := make([]float32, n)
	gemm.HugePages(unsafe.Slice((*byte)(unsafe.Pointer(&x[0])), 4*n))
	return x
}

var littleEndian = func() bool {
	x := uint16(1)
	return *(*byte)(unsafe.Pointer(&x)) == 1
}()

// matrixOf reads a weight of in x out.
func (r *reader) matrixOf(t tensor.Tensor, in, out int, transposed bool) (*matrix, error) {
	info := t.Info()
	want := tensor.Shape{out, in}
	if transposed {
		want = tensor.Shape{in, out}
	}
	if !info.Shape.Equal(want) {
		return nil, shapeError(info, want)
	}
	w := &matrix{name: info.Name, in: in, out: out, transposed: transposed}
	return w, r.fill(w, t)
}

// fill reads the numbers of a matrix, in 16 bits or in blocks where they are
// stored so.
func (r *reader) fill(w *matrix, t tensor.Tensor) (err error) {
	info := t.Info()
	if !info.DType.IsFloat() {
		return fmt.Errorf("tensor %s is %s, and a weight must be floating-point or known as quantized", info.Name, info.DType)
	}
	half := info.Quant == nil && (info.DType == tensor.BF16 || info.DType == tensor.F16)
	inBlocks := info.Quant != nil && info.Quant.Block != tensor.NoBlock && !w.transposed
	if r.dry {
		r.count(t, !half && !inBlocks)
		return nil
	}
	if inBlocks {
		w.block = info.Quant.Block
		w.blocks, err = r.stored(t)
		return err
	}
	if half {
		if info.DType == tensor.F16 {
			w.format = gemm.F16
		}
		w.half, err = r.stored(t)
		return err
	}
	w.full, err = r.floats(t)
	return err
}

func shapeError(info tensor.Info, want tensor.Shape) error {
	return fmt.Errorf("tensor %s is %s, and config.json makes it %s", info.Name, info.Shape, want)
}
