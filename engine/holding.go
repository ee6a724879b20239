package engine

import (
	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/tensor/arena"
)

// holding is the memory in which a Prepare leaves for the rows of its tensor
// what they need not find again.
type holding struct {
	on   *run
	of   *action
	list [][]uint64
}

// rows runs the kernel on one block.
func (a *action) rows(x *ops.Pass, b *ops.Block) error {
	a.holding.RLock()
	defer a.holding.RUnlock()
	return a.node.op.Rows.Run(a.params, x, b)
}

func (h *holding) take(n int) []uint64 {
	words := arena.Get[uint64](h.on.arena, n)
	h.list = append(h.list, words)
	return words
}

// release waits for blocks that read it: other cells may want the same rows.
func (h *holding) release() {
	h.of.holding.Lock()
	h.of.pass.Hold(nil)
	h.of.holding.Unlock()
	for _, words := range h.list {
		arena.Put(h.on.arena, words)
	}
}
