package largest

import "sync"

// slab is how many numbers are asked for at once.
const slab = 1 << 16

// copies holds the lists that the goroutines of one pass leave.
type copies struct {
	mu   sync.Mutex
	last []uint32 // has room, perhaps
	most int      // numbers that may come in all, beside those of one list
}

// keep copies a list, which then lives as long as what refers to it.
func (c *copies) keep(list []uint32) []uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if cap(c.last)-len(c.last) < len(list) {
		c.last = make([]uint32, 0, max(len(list), min(slab, c.most)))
	}
	at := len(c.last)
	c.last = append(c.last, list...)
	return c.last[at:len(c.last):len(c.last)]
}
