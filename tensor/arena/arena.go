package arena

import (
	"math"
	"sync"
	"time"
	"unsafe"
)

// Element is what slices may be made of: numbers, never pointers, since the
// garbage collector does not look into mapped memory.
type Element interface {
	float32 | float64 | byte | uint16 | uint32 | uint64
}

// Options says how much an Arena may keep.
type Options struct {
	Budget  int64         // idle spans go before Mapped and what is reserved exceed it; 0 means no bound
	Idle    int64         // bytes of idle spans that are kept; 0 means a quarter of Budget
	Rest    time.Duration // spans idle for one to two rests go; 0 means 5 s
	Checked bool          // catch misuse; slow, for tests
}

// Arena is a set of mapped memory with its own accounts. It may be used by any
// number of goroutines. New makes one; Close gives its memory back.
type Arena struct {
	opt Options

	mu       sync.Mutex
	free     map[int][]*block // by size, the last given back at the end
	blocks   map[unsafe.Pointer]*block
	spans    map[*span]struct{}
	used     int64 // bytes of blocks in callers' hands
	mapped   int64
	idle     int64 // bytes of spans of which nothing is used
	reserved int64
	clock    uint64 // counts what is given back
	swept    uint64 // the clock when idle spans were last looked for
	armed    bool   // a sweep will come
}

// New returns an Arena that holds nothing yet.
func New(o Options) *Arena {
	if o.Budget <= 0 {
		o.Budget = math.MaxInt64
	}
	if o.Idle <= 0 {
		o.Idle = o.Budget / 4
	}
	if o.Rest <= 0 {
		o.Rest = 5 * time.Second
	}
	return &Arena{opt: o, free: map[int][]*block{}, blocks: map[unsafe.Pointer]*block{}, spans: map[*span]struct{}{}}
}

// Get returns n elements with undefined contents that start on a cache line.
// The caller owns them until Put. Get panics if n is negative or the bytes
// overflow an int; when the system has no memory left the process ends, as it
// does with make.
func Get[T Element](a *Arena, n int) []T {
	var zero T
	size := int(unsafe.Sizeof(zero))
	if n < 0 || n > (math.MaxInt-hugePage)/2/size {
		panic("arena: the size of a request overflows")
	}
	if n*size < least && !a.opt.Checked {
		return small[T](n, size)
	}
	b := a.take(sizeClass(n * size)).mem
	return unsafe.Slice((*T)(unsafe.Pointer(&b[0])), len(b)/size)[:n]
}

// Put takes back what Get returned; it may have been made shorter, but neither
// start later nor end its capacity earlier. Nobody may touch it afterwards. Put
// panics on a slice that was given back before or that is not of this Arena.
func Put[T Element](a *Arena, x []T) {
	var zero T
	if cap(x)*int(unsafe.Sizeof(zero)) < least && !a.opt.Checked {
		return
	}
	a.put(unsafe.Pointer(unsafe.SliceData(x)))
}

// small makes n elements of Go memory, less than least bytes.
func small[T Element](n, size int) []T {
	x := make([]T, n+cacheLine/size)
	skip := -int(uintptr(unsafe.Pointer(&x[0]))) & (cacheLine - 1) / size
	return x[skip : skip+n : skip+n]
}

// Used returns the bytes of the blocks in callers' hands, as rounded up. Small
// requests count only in a checked Arena.
func (a *Arena) Used() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.used
}

// Mapped returns the bytes that the Arena has from the system, used or idle.
func (a *Arena) Mapped() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.mapped
}

// take hands out a block, mapping a span if none lies idle.
func (a *Arena) take(size int) *block {
	a.mu.Lock()
	for len(a.free[size]) == 0 {
		n := a.spanSize(size)
		old := a.excess(int64(n))
		a.mapped += int64(n)
		a.mu.Unlock()
		unmapAll(old)
		s := newSpan(n, size)
		a.mu.Lock()
		a.add(s)
	}
	b := a.pop(size)
	a.mu.Unlock()
	if a.opt.Checked {
		b.open()
	}
	return b
}

// put takes a block back and lets go of what lies idle beyond the bounds.
func (a *Arena) put(at unsafe.Pointer) {
	a.mu.Lock()
	b := a.blocks[at]
	if b == nil || b.idle {
		a.mu.Unlock()
		panic("arena: a slice was given back twice or to an arena that it is not of")
	}
	if a.opt.Checked {
		b.shut()
	}
	a.push(b)
	old := a.excess(0)
	a.arm()
	a.mu.Unlock()
	unmapAll(old)
}
