package gemm

import (
	"math/bits"
	"sync"
	"unsafe"
)

// buffers keeps packing buffers for the next product, since memory that was
// touched before is many times faster than fresh memory. It holds no results:
// what is in a buffer never reaches a caller.
var buffers pool

// keep bounds the bytes that lie unused in the pool.
const keep = 256 << 20

const cacheLine = 64

// pool is a free list for each power of two.
type pool struct {
	mu   sync.Mutex
	free [48][][]byte
	held int
}

// get returns at least n bytes that start on a cache line.
func (p *pool) get(n int) []byte {
	class := max(bits.Len(uint(n-1)), 12)
	p.mu.Lock()
	defer p.mu.Unlock()
	if list := p.free[class]; len(list) > 0 {
		b := list[len(list)-1]
		p.free[class] = list[:len(list)-1]
		p.held -= len(b)
		return b
	}
	raw := make([]byte, 1<<class+cacheLine)
	skip := -int(uintptr(unsafe.Pointer(&raw[0]))) & (cacheLine - 1)
	b := raw[skip : skip+1<<class]
	HugePages(b)
	return b
}

// put gives a buffer back.
func (p *pool) put(b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held+len(b) > keep {
		return
	}
	p.held += len(b)
	class := bits.Len(uint(len(b) - 1))
	p.free[class] = append(p.free[class], b)
}

// elements views a buffer as elements.
func elements[T float](b []byte) []T {
	var zero T
	return unsafe.Slice((*T)(unsafe.Pointer(&b[0])), len(b)/int(unsafe.Sizeof(zero)))
}

// scratch is a borrowed buffer of elements.
type scratch[T float] struct {
	bytes []byte
	x     []T
}

func borrow[T float](n int) scratch[T] {
	var zero T
	b := buffers.get(max(n, 1) * int(unsafe.Sizeof(zero)))
	return scratch[T]{b, elements[T](b)}
}

func (s scratch[T]) giveBack() { buffers.put(s.bytes) }
