package arena

import (
	"math/bits"
	"unsafe"
)

const (
	cacheLine = 64
	hugePage  = 2 << 20
	least     = 64 << 10 // the smallest block, and no smaller than a page
)

// span is one piece of mapped memory, cut into blocks of one size.
type span struct {
	mem    []byte
	mapped bool // and not made by Go
	blocks []*block
	idle   int    // blocks that nobody uses
	since  uint64 // the clock when the last of them was given back
}

// block is what is handed out.
type block struct {
	span *span
	mem  []byte
	idle bool
}

// sizeClass rounds a request up to the size of a block: four sizes in each
// doubling, and whole huge pages.
func sizeClass(n int) int {
	if n <= least {
		return least
	}
	n = roundUp(n, 1<<(bits.Len(uint(n-1))-3))
	if n > hugePage {
		n = roundUp(n, hugePage)
	}
	return n
}

func roundUp(n, step int) int { return (n + step - 1) / step * step }

// spanSize is the size of the spans of which blocks are cut. In a checked Arena
// each block has its own.
func (a *Arena) spanSize(size int) int {
	if a.opt.Checked {
		return size
	}
	return max(size, hugePage)
}

func newSpan(n, size int) *span {
	s := &span{}
	if s.mem, s.mapped = mapMemory(n); !s.mapped {
		raw := make([]byte, n+cacheLine)
		skip := -int(uintptr(unsafe.Pointer(&raw[0]))) & (cacheLine - 1)
		s.mem = raw[skip : skip+n : skip+n]
	}
	for at := 0; at+size <= n; at += size {
		s.blocks = append(s.blocks, &block{span: s, mem: s.mem[at : at+size : at+size]})
	}
	return s
}

// add makes a new span's blocks known and idle. The first is the next to go.
func (a *Arena) add(s *span) {
	a.spans[s] = struct{}{}
	for i := len(s.blocks) - 1; i >= 0; i-- {
		b := s.blocks[i]
		a.blocks[unsafe.Pointer(&b.mem[0])] = b
		a.used += int64(len(b.mem))
		a.push(b)
	}
}

// push makes a block idle.
func (a *Arena) push(b *block) {
	a.clock++
	a.used -= int64(len(b.mem))
	a.free[len(b.mem)] = append(a.free[len(b.mem)], b)
	b.idle = true
	s := b.span
	if s.idle++; s.idle == len(s.blocks) {
		s.since = a.clock
		a.idle += int64(len(s.mem))
	}
}

// pop hands out an idle block: that which was touched last, or in a checked
// Arena that which was given back first, so that it is out of reach for long.
func (a *Arena) pop(size int) *block {
	free := a.free[size]
	i := len(free) - 1
	if a.opt.Checked {
		i = 0
	}
	b := free[i]
	a.free[size] = append(free[:i], free[i+1:]...)
	s := b.span
	if s.idle == len(s.blocks) {
		a.idle -= int64(len(s.mem))
	}
	s.idle--
	b.idle = false
	a.used += int64(len(b.mem))
	return b
}

// open lets a checked block be used, and fills it with NaN of any width.
func (b *block) open() {
	if b.span.mapped {
		protect(b.mem, true)
	}
	b.poison()
}

// shut makes a checked block untouchable, or spoils it where the system cannot.
func (b *block) shut() {
	if !b.span.mapped || !protect(b.mem, false) {
		b.poison()
	}
}

func (b *block) poison() {
	for i := range b.mem {
		b.mem[i] = 0xff
	}
}
