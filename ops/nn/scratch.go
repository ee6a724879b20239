package nn

import "sync"

// scratch is what one tile of attention needs.
type scratch struct {
	q, out, p, k, v   []float32
	most, sum, shrink []float32
}

// fit makes room for so many rows of queries of d elements.
func (s *scratch) fit(rows, d int) {
	grow(&s.q, rows*d)
	grow(&s.out, rows*d)
	grow(&s.p, rows*keyTile)
	grow(&s.k, keyTile*d)
	grow(&s.v, keyTile*d)
	grow(&s.most, rows)
	grow(&s.sum, rows)
	grow(&s.shrink, rows)
}

func grow(x *[]float32, n int) {
	if cap(*x) < n {
		*x = make([]float32, n)
	}
	*x = (*x)[:n]
}

// scratchPool keeps scratch for the next tile.
type scratchPool struct {
	mu   sync.Mutex
	free []*scratch
}

func (p *scratchPool) get() *scratch {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.free); n > 0 {
		s := p.free[n-1]
		p.free = p.free[:n-1]
		return s
	}
	return new(scratch)
}

func (p *scratchPool) put(s *scratch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free = append(p.free, s)
}
