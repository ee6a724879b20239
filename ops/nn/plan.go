package nn

import "fmt"

// segment is a run of tokens that goes through the network: a sequence, or
// what a sequence has beyond the beginning that it shares with one before.
type segment struct {
	tokens []int32
	row    int     // where its rows begin, in the batch
	past   int     // tokens before it
	before []piece // where those are
	whole  int     // length of the longest sequence that it belongs to
	cache  *Cache  // holds what is before, and takes what comes; or nil
}

// piece is the first n rows of a segment.
type piece struct {
	s *segment
	n int
}

// group is segments that go through a block together.
type group struct {
	segments []*segment
	row, n   int // its rows in the batch
}

// plan is how a batch is laid out.
type plan struct {
	groups []group
	chains [][]piece // of each sequence
	rows   int
}

// leastShared is the shortest common beginning that is worth sharing.
const leastShared = 8

// layOut plans a batch. With share, a sequence that begins as the one before it
// takes the common rows from there.
func layOut(batch [][]int32, groupRows int, share bool) *plan {
	p := &plan{}
	var last []int32
	for _, seq := range batch {
		common := 0
		if share && len(p.groups) > 0 {
			common = min(commonPrefix(last, seq), len(seq)-1)
		}
		if common < leastShared {
			common = 0
		}
		if g := len(p.groups) - 1; g < 0 || p.groups[g].n+len(seq)-common > groupRows {
			p.groups = append(p.groups, group{row: p.rows})
			common = 0
		}
		p.add(seq, common)
		last = seq
	}
	return p
}

func (p *plan) add(seq []int32, common int) {
	var before []piece
	if common > 0 {
		before = cut(p.chains[len(p.chains)-1], common)
	}
	s := &segment{tokens: seq[common:], row: p.rows, past: common, before: before, whole: len(seq)}
	g := &p.groups[len(p.groups)-1]
	g.segments = append(g.segments, s)
	g.n += len(s.tokens)
	p.rows += len(s.tokens)
	p.chains = append(p.chains, append(before[:len(before):len(before)], piece{s, len(s.tokens)}))
}

// cut takes the first n rows of a chain.
func cut(chain []piece, n int) []piece {
	var out []piece
	for _, c := range chain {
		if n == 0 {
			break
		}
		c.n = min(c.n, n)
		n -= c.n
		out = append(out, c)
	}
	return out
}

func commonPrefix(a, b []int32) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// rowOf returns the row of a sequence's token.
func (p *plan) rowOf(seq, at int) int {
	for _, c := range p.chains[seq] {
		if at < c.n {
			return c.s.row + at
		}
		at -= c.n
	}
	panic(fmt.Sprintf("nn: sequence %d has no token %d", seq, at))
}
