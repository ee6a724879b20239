package largest

import (
	"context"
	"slices"
	"sync/atomic"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/tensor/kernel"
)

// most is how many magnitudes may be copied out at once.
const most = ops.PrepareMemory / 4

// tallies is how the blocks of all scans lie to one quantity's bracket.
type tallies struct {
	scans [][]block
	over  bool // too much lies in the bracket to be copied out
}

// block is the tally of one block and its place.
type block struct {
	kernel.Tally
	row, rows, start int
	nonzero          int // counted for KeepOf alone
}

// equal is how many elements of the block have just that magnitude.
func (b block) equal(br kernel.Bracket, bits uint32) int {
	switch int32(bits) {
	case br.Hi:
		return b.AtHi
	case br.Lo:
		return b.AtLo
	}
	n := 0
	for _, v := range b.Between {
		if v == bits {
			n++
		}
	}
	return n
}

// tally passes once over all scans for the quantities of the list, and copies
// what lies in their brackets.
func (s Selection) tally(ctx context.Context, list []int, brackets []kernel.Bracket) ([]tallies, error) {
	all := make([]tallies, len(s.Keep))
	for _, q := range list {
		for _, scan := range s.Scans {
			all[q].scans = append(all[q].scans, make([]block, scan.Blocks))
		}
	}
	copied := make([]atomic.Int64, len(s.Keep))
	limit := int64(most / len(list))
	pairs, into := s.pairs(list, brackets), copies{most: s.numel() * len(list)}
	for i, scan := range s.Scans {
		err := scan.Each(ctx, func(b *ops.Block) error {
			var of []float32
			if s.Of != nil {
				of = s.Of(b)
			}
			add := func(q int, t kernel.Tally) {
				if copied[q].Add(int64(len(t.Between))) > limit {
					t.Between = nil
				}
				t.Between = into.keep(t.Between)
				all[q].scans[i][b.Index] = block{t, b.Row, b.Rows, b.Start(), s.nonzero(b, of)}
			}
			room := b.Words(3 * (b.Rows*b.Cols + 16))
			for _, p := range pairs {
				if p.other == none {
					add(p.q, s.one(b, of, p.q, brackets[p.q], room))
					continue
				}
				t, o := s.two(b, p, brackets, room)
				add(p.q, t)
				add(p.other, o)
			}
			return nil
		}, s.operands()...)
		if err != nil {
			return nil, err
		}
	}
	for _, q := range list {
		all[q].over = copied[q].Load() > limit
	}
	return all, nil
}

// pair is two quantities of the same differences whose brackets lie one above
// the other, so that they are tallied on one way, or one quantity and none.
type pair struct{ q, other int }

const none = -1

// pairs puts every quantity of the list into one pair.
func (s Selection) pairs(list []int, brackets []kernel.Bracket) (pairs []pair) {
	left := slices.Clone(list)
	for len(left) > 0 {
		p := pair{left[0], none}
		left = left[1:]
		for i, o := range left {
			if s.Of != nil || s.Less == nil || s.Operand[p.q] != s.Operand[o] || s.Less[p.q] != s.Less[o] {
				continue
			}
			left = slices.Delete(left, i, i+1)
			if p.other = o; brackets[o].Lo < brackets[p.q].Lo {
				p.q, p.other = o, p.q
			}
			break
		}
		pairs = append(pairs, p)
	}
	return pairs
}

// two is the tallies of a pair in a block.
func (s Selection) two(b *ops.Block, p pair, brackets []kernel.Bracket, room []uint32) (t, other kernel.Tally) {
	third := len(room) / 3
	x, less := b.In[s.Operand[p.q]].BF16, b.In[s.Less[p.q]].BF16
	if x != nil && less != nil {
		return brackets[p.q].TallyTwoBF16(brackets[p.other], x, less, room[:third], room[third:])
	}
	return s.one(b, nil, p.q, brackets[p.q], room[:third]), s.one(b, nil, p.other, brackets[p.other], room[third:])
}

// nonzero is how many elements of a block are not zero, for KeepOf.
func (s Selection) nonzero(b *ops.Block, of []float32) int {
	if s.KeepOf == nil {
		return 0
	}
	some := b.Mask(len(of))
	kernel.KeepAbove(some, of, 0)
	return some.Count(0, len(of))
}

func (t tallies) nonzero() (n int) {
	for _, blocks := range t.scans {
		for _, b := range blocks {
			n += b.nonzero
		}
	}
	return n
}

// one is the tally of one quantity in a block; of is that of Of.
func (s Selection) one(b *ops.Block, of []float32, q int, br kernel.Bracket, room []uint32) kernel.Tally {
	switch {
	case of != nil:
		return br.Tally(of, room)
	case s.Less != nil:
		if x, less := b.In[s.Operand[q]].BF16, b.In[s.Less[q]].BF16; x != nil && less != nil {
			return br.TallyBF16(x, less, room)
		}
	}
	return br.Tally(s.values(b, q), room)
}

// threshold returns the magnitude of the k-th largest element and how many of
// just that magnitude belong to the k. It is false where the bracket does not
// hold it.
func (t tallies) threshold(br kernel.Bracket, k int) (bits uint32, ties int, ok bool) {
	if t.over {
		return 0, 0, false
	}
	var all []kernel.Tally
	for _, blocks := range t.scans {
		for _, b := range blocks {
			all = append(all, b.Tally)
		}
	}
	return br.Threshold(all, k)
}
