package largest

import "sync"

// spare is memory of selections that are done: they come by the hundred, and
// fresh memory is slower to come by than the work takes that is done in it.
var spare sync.Pool // of *[]uint32

// numbers returns so many numbers of any value, for spare to have back.
func numbers(n int) *[]uint32 {
	if room, ok := spare.Get().(*[]uint32); ok && cap(*room) >= n {
		*room = (*room)[:n]
		return room
	}
	room := make([]uint32, n)
	return &room
}

// copies holds lists that many goroutines leave, until it is cleared.
type copies struct {
	mu    sync.Mutex
	slabs []*[]uint32 // the last has room, perhaps
}

// slab is how many numbers are asked for at once: as many as a block's room, so
// that either serves as the other.
const slab = 3 * (1<<16 + 16)

func (c *copies) keep(list []uint32) []uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.slabs); n == 0 || cap(*c.slabs[n-1])-len(*c.slabs[n-1]) < len(list) {
		room := numbers(max(slab, len(list)))
		*room = (*room)[:0]
		c.slabs = append(c.slabs, room)
	}
	last := c.slabs[len(c.slabs)-1]
	at := len(*last)
	*last = append(*last, list...)
	return (*last)[at:len(*last):len(*last)]
}

// clear ends the use of all lists.
func (c *copies) clear() {
	for _, room := range c.slabs {
		spare.Put(room)
	}
	c.slabs = nil
}
