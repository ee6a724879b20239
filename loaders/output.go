package loaders

import (
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// Output is a new file of known size that is written once, at any offsets, by
// any number of goroutines; then Sync and Close. Where the file system can, all
// but the ends of large pieces goes past the page cache: weights are written
// faster than memory for them could be found, and what else is in the cache,
// such as the models that are read, stays there.
type Output struct {
	f      *os.File
	direct *os.File // nil: all goes through the page cache
	align  align
	early  writeback
	lock   sync.Mutex // through the page cache one writes at a time, and a file system lets the others spin
	bounce sync.Pool  // of *[]byte: pieces whose memory is not as aligned as their place
	refuse atomic.Bool
}

// align is the multiples of which places and memory must be to pass by the page
// cache.
type align struct{ place, memory int64 }

// alignOf takes whole pages and blocks, even where the file system would take
// less: no page is then written both ways, for which only some file systems see
// to the order, and none of a block's parts has to wait for another.
func alignOf(place, memory, block, page int64) (align, bool) {
	a := align{place: max(place, block, page), memory: memory}
	return a, place > 0 && powerOfTwo(a.place) && powerOfTwo(a.memory) && a.place <= leastDirect/2
}

func powerOfTwo(n int64) bool { return n > 0 && n&(n-1) == 0 }

// leastDirect is the smallest piece that is worth a way of its own to the disk.
const leastDirect = 64 << 10

// CreateOutput makes a file that must not exist.
func CreateOutput(path string) (*Output, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, err
	}
	o := &Output{f: f}
	o.direct, o.align = openDirect(f)
	if o.direct == nil {
		o.early.start(f)
	}
	return o, nil
}

// Name is the path.
func (o *Output) Name() string { return o.f.Name() }

// Reserve gives the file its size, and its room where that can be had.
func (o *Output) Reserve(size int64) error { return reserve(o.f, size) }

// WriteAt writes bytes to their place; they may be used again when it returns.
func (o *Output) WriteAt(b []byte, off int64) (n int, err error) {
	from, to := o.body(b, off)
	for _, part := range []struct {
		b   []byte
		put func([]byte, int64) (int, error)
	}{{b[:from], o.buffered}, {b[from:to], o.past}, {b[to:], o.buffered}} {
		if len(part.b) == 0 {
			continue
		}
		m, err := part.put(part.b, off+int64(n))
		if n += m; err != nil {
			return n, err
		}
	}
	return n, nil
}

// body returns which bytes can go past the page cache.
func (o *Output) body(b []byte, off int64) (from, to int) {
	if o.direct == nil || len(b) < leastDirect || o.refuse.Load() {
		return 0, 0
	}
	from = int(-off & (o.align.place - 1))
	return from, len(b) - int((off+int64(len(b)))&(o.align.place-1))
}

func (o *Output) buffered(b []byte, off int64) (int, error) {
	o.lock.Lock()
	n, err := o.f.WriteAt(b, off)
	o.lock.Unlock()
	o.early.wrote(n)
	return n, err
}

// past writes past the page cache. A file system that will not have it gets the
// bytes, and all later ones, the usual way.
func (o *Output) past(b []byte, off int64) (int, error) {
	whole := b
	if int64(uintptr(unsafe.Pointer(&b[0])))&(o.align.memory-1) != 0 {
		room := o.aligned(len(b))
		defer o.bounce.Put(room)
		whole = (*room)[:copy(*room, b)]
	}
	n, err := o.direct.WriteAt(whole, off)
	if errors.Is(err, syscall.EINVAL) {
		o.refuse.Store(true)
		m, err := o.buffered(b[n:], off+int64(n))
		return n + m, err
	}
	return n, err
}

// aligned returns at least n bytes that start as the file system wants it.
func (o *Output) aligned(n int) *[]byte {
	if room, ok := o.bounce.Get().(*[]byte); ok && len(*room) >= n {
		return room
	}
	b := make([]byte, int64(n)+o.align.memory)
	b = b[-int64(uintptr(unsafe.Pointer(&b[0])))&(o.align.memory-1):]
	return &b
}

// Sync returns when the file is on the disk.
func (o *Output) Sync() error { return o.f.Sync() }

// Close ends the use of the file. Nothing may be written at the same time.
func (o *Output) Close() error {
	o.early.stop()
	if o.direct != nil {
		return errors.Join(o.direct.Close(), o.f.Close())
	}
	return o.f.Close()
}
