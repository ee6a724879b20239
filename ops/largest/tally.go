package largest

import (
	"context"
	"slices"
	"sync"
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

// tally passes once over all scans for the quantities of the list.
func (s Selection) tally(ctx context.Context, list []int, brackets []kernel.Bracket) ([]tallies, error) {
	all := make([]tallies, len(s.Keep))
	for _, q := range list {
		for _, scan := range s.Scans {
			all[q].scans = append(all[q].scans, make([]block, scan.Blocks))
		}
	}
	copied := make([]atomic.Int64, len(s.Keep))
	limit := int64(most / len(list))
	var rooms sync.Pool
	for i, scan := range s.Scans {
		err := scan.Each(ctx, func(b *ops.Block) error {
			var of []float32
			if s.Of != nil {
				of = s.Of(b)
			}
			for _, q := range list {
				room, _ := rooms.Get().(*[]uint32)
				if n := b.Rows*b.Cols + 16; room == nil || len(*room) < n {
					bigger := make([]uint32, n)
					room = &bigger
				}
				t := s.one(b, of, q, brackets[q], *room)
				if copied[q].Add(int64(len(t.Between))) > limit {
					t.Between = nil
				}
				t.Between = slices.Clone(t.Between)
				rooms.Put(room)
				all[q].scans[i][b.Index] = block{t, b.Row, b.Rows, b.Start(), s.nonzero(b, of)}
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
