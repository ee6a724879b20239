package engine

import (
	"math/bits"
	"sync"
)

// buffers hands out slices and takes them back. Touching fresh memory is far
// slower than reusing it, so what was once touched is kept.
type buffers struct {
	floats pool[float32]
	bytes  pool[byte]
}

// f32 returns n floats with undefined contents, and putF32 takes them back.
func (b *buffers) f32(n int) []float32 { return b.floats.get(n) }
func (b *buffers) putF32(x []float32)  { b.floats.put(x) }

// raw returns n bytes with undefined contents, and putRaw takes them back.
func (b *buffers) raw(n int) []byte { return b.bytes.get(n) }
func (b *buffers) putRaw(x []byte)  { b.bytes.put(x) }

// pool keeps slices by the power of two of their capacity.
type pool[T any] struct {
	mu   sync.Mutex
	free [48][][]T
}

func (p *pool[T]) get(n int) []T {
	class := bits.Len(uint(max(n, 1) - 1))
	p.mu.Lock()
	defer p.mu.Unlock()
	if free := p.free[class]; len(free) > 0 {
		b := free[len(free)-1]
		p.free[class] = free[:len(free)-1]
		return b[:n]
	}
	return make([]T, n, 1<<class)
}

func (p *pool[T]) put(b []T) {
	if cap(b) == 0 {
		return
	}
	class := bits.Len(uint(cap(b) - 1))
	p.mu.Lock()
	defer p.mu.Unlock()
	if class <= keptClass {
		p.free[class] = append(p.free[class], b[:cap(b)])
	}
}

// keptClass is the largest power of two of elements that is kept for reuse:
// larger buffers, of whole tensors, go back to the runtime so that the budget
// is not exceeded by idle ones.
const keptClass = 22
