package merge

import (
	"sync"

	"github.com/rouxml/roux/tensor"
)

// columns is how many vectors along its first dimension a tensor has.
func columns(s tensor.Shape) int {
	if len(s) == 0 || s[0] == 0 {
		return 1
	}
	return max(s.Numel()/s[0], 1)
}

// pile adds up long vectors of sums, one from each block, in a tree whose shape
// depends on the number of blocks alone: whatever the order in which they come,
// the same bits come out, and only those are held whose neighbours are missing.
type pile struct {
	blocks int
	mu     sync.Mutex
	nodes  map[node][]float64
}

// node is a place in the tree: level 0 is the blocks.
type node struct{ level, index int }

// add takes the sums of a block, which then belong to the pile.
func (p *pile) add(block int, sums []float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.nodes == nil {
		p.nodes = map[node][]float64{}
	}
	at, last := node{0, block}, p.blocks-1
	for last > 0 {
		if other := (node{at.level, at.index ^ 1}); other.index <= last {
			waiting, ok := p.nodes[other]
			if !ok {
				break
			}
			delete(p.nodes, other)
			for i, v := range waiting {
				sums[i] += v // of two, either order gives the same bits
			}
		}
		at, last = node{at.level + 1, at.index / 2}, last/2
	}
	p.nodes[at] = sums
}

// total is the sum of all blocks: n numbers, zero if there were none.
func (p *pile) total(n int) []float64 {
	for _, sums := range p.nodes {
		return sums
	}
	return make([]float64, n)
}
