package engine

import (
	"math/bits"
	"sync"
)

// buffers hands out float32 and byte slices and takes them back. Touching
// fresh memory is far slower than reusing it, so what was once touched is kept.
type buffers struct {
	mu     sync.Mutex
	floats [48][][]float32
	bytes  [48][][]byte
}

// f32 returns n floats with undefined contents.
func (p *buffers) f32(n int) []float32 {
	class := bits.Len(uint(max(n, 1) - 1))
	p.mu.Lock()
	defer p.mu.Unlock()
	if free := p.floats[class]; len(free) > 0 {
		b := free[len(free)-1]
		p.floats[class] = free[:len(free)-1]
		return b[:n]
	}
	return make([]float32, n, 1<<class)
}

// putF32 takes back what f32 gave.
func (p *buffers) putF32(b []float32) {
	if cap(b) == 0 {
		return
	}
	class := bits.Len(uint(cap(b) - 1))
	p.mu.Lock()
	defer p.mu.Unlock()
	if class <= keptClass {
		p.floats[class] = append(p.floats[class], b[:cap(b)])
	}
}

// raw returns n bytes with undefined contents.
func (p *buffers) raw(n int) []byte {
	class := bits.Len(uint(max(n, 1) - 1))
	p.mu.Lock()
	defer p.mu.Unlock()
	if free := p.bytes[class]; len(free) > 0 {
		b := free[len(free)-1]
		p.bytes[class] = free[:len(free)-1]
		return b[:n]
	}
	return make([]byte, n, 1<<class)
}

// putRaw takes back what raw gave.
func (p *buffers) putRaw(b []byte) {
	if cap(b) == 0 {
		return
	}
	class := bits.Len(uint(cap(b) - 1))
	p.mu.Lock()
	defer p.mu.Unlock()
	if class <= keptClass {
		p.bytes[class] = append(p.bytes[class], b[:cap(b)])
	}
}

// keptClass is the largest power of two of elements that is kept for reuse:
// larger buffers, of whole tensors, go back to the runtime so that the budget
// is not exceeded by idle ones.
const keptClass = 22
