package ops

import "sync"

// Pile adds up long vectors of sums, one from each block, in a tree whose shape
// depends on the number of blocks alone: whatever the order in which they come,
// the same bits come out, and only those are held whose neighbours are missing.
// Goroutines may share it.
type Pile struct {
	Blocks int // that will come
	mu     sync.Mutex
	nodes  map[place][]float64
}

// place is one in the tree: level 0 is the blocks.
type place struct{ level, index int }

// Add takes the sums of a block, which then belong to the pile.
func (p *Pile) Add(block int, sums []float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.nodes == nil {
		p.nodes = map[place][]float64{}
	}
	at, last := place{0, block}, p.Blocks-1
	for last > 0 {
		if other := (place{at.level, at.index ^ 1}); other.index <= last {
			waiting, ok := p.nodes[other]
			if !ok {
				break
			}
			delete(p.nodes, other)
			for i, v := range waiting {
				sums[i] += v // of two, either order gives the same bits
			}
		}
		at, last = place{at.level + 1, at.index / 2}, last/2
	}
	p.nodes[at] = sums
}

// Total is the sum of all blocks: n numbers, zero if there were none.
func (p *Pile) Total(n int) []float64 {
	for _, sums := range p.nodes {
		return sums
	}
	return make([]float64, n)
}
