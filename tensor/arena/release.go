package arena

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
	"unsafe"
)

// Reserve takes n bytes of the budget for memory that the Arena does not hand
// out, until release is called. Idle spans make room for it.
func (a *Arena) Reserve(n int64) (release func()) {
	a.mu.Lock()
	a.reserved += n
	old := a.excess(0)
	a.mu.Unlock()
	unmapAll(old)
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.reserved -= n
	}
}

// Trim gives all idle spans back to the system.
func (a *Arena) Trim() {
	a.mu.Lock()
	old := a.evict(math.MaxInt64, math.MaxUint64)
	a.mu.Unlock()
	unmapAll(old)
}

// Close gives all memory back. An Arena can be used again afterwards. A checked
// one panics if callers still hold some; else that stays theirs until Put.
func (a *Arena) Close() {
	a.Trim()
	if used := a.Used(); used > 0 && a.opt.Checked {
		panic(fmt.Sprintf("arena: %d bytes were not given back", used))
	}
}

// excess takes out the idle spans that lie beyond the bounds once more bytes
// are mapped.
func (a *Arena) excess(more int64) []*span {
	over := max(a.idle-a.opt.Idle, a.mapped-(a.opt.Budget-a.reserved-more))
	return a.evict(over, math.MaxUint64)
}

// evict takes out idle spans that lie since the clock said until or longer, the
// oldest first, up to n bytes or a little more. The caller unmaps them once it
// has let go of the lock.
func (a *Arena) evict(n int64, until uint64) []*span {
	if n <= 0 || a.idle == 0 {
		return nil
	}
	old := slices.DeleteFunc(slices.Collect(maps.Keys(a.spans)), func(s *span) bool {
		return s.idle < len(s.blocks) || s.since > until
	})
	slices.SortFunc(old, func(x, y *span) int { return cmp.Compare(x.since, y.since) })
	for i, s := range old {
		if n <= 0 {
			return old[:i]
		}
		n -= int64(len(s.mem))
		a.forget(s)
	}
	return old
}

// forget takes an idle span out of the books.
func (a *Arena) forget(s *span) {
	size := len(s.blocks[0].mem)
	a.free[size] = slices.DeleteFunc(a.free[size], func(b *block) bool { return b.span == s })
	for _, b := range s.blocks {
		delete(a.blocks, unsafe.Pointer(&b.mem[0]))
	}
	delete(a.spans, s)
	a.idle -= int64(len(s.mem))
	a.mapped -= int64(len(s.mem))
}

// arm makes sure that a sweep comes while spans lie idle.
func (a *Arena) arm() {
	if !a.armed && a.idle > 0 {
		a.armed = true
		time.AfterFunc(a.opt.Rest, a.sweep)
	}
}

// sweep lets go of what has been idle since the last sweep.
func (a *Arena) sweep() {
	a.mu.Lock()
	old := a.evict(math.MaxInt64, a.swept)
	a.swept, a.armed = a.clock, false
	a.arm()
	a.mu.Unlock()
	unmapAll(old)
}

func unmapAll(spans []*span) {
	for _, s := range spans {
		if s.mapped {
			unmap(s.mem)
		}
	}
}
