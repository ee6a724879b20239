// Package largest finds which elements of tensors are the k largest in
// magnitude, exactly, without ever holding a tensor: a sample of rows gives a
// bracket that very likely holds the threshold, one pass counts what lies
// above it and copies out what lies in it, and the threshold is found among
// those. Where the bracket missed, histograms find the threshold in two more
// passes. The result is the same either way.
package largest

import (
	"context"
	"errors"
	"math"
	"slices"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/tensor/kernel"
)

// Cut says which elements of one tensor are kept: those whose magnitude bits
// are above Bits, and those of just that magnitude whose index is below Index.
type Cut struct {
	Bits  uint32
	Index int
}

// Keep sets the mask for a block x that begins at element start.
func (c Cut) Keep(keep kernel.Mask, start int, x []float32) {
	kernel.KeepLargest(keep, x, c.Bits, c.Index-start)
}

// Bound returns the bits above which elements of a block of n stay, when the
// cut parts no equal ones there; otherwise Keep must tell them apart.
func (c Cut) Bound(start, n int) (above int32, ok bool) {
	switch {
	case c.Index <= start:
		return int32(c.Bits), true
	case c.Index >= start+n:
		return int32(c.Bits) - 1, true
	}
	return 0, false
}

// Selection is what to look through. Several quantities, such as the task
// vectors of several models, are found in the same passes.
type Selection struct {
	Scans []ops.Scan
	// Operand says which operand each quantity is; with Less, it is that operand
	// less another.
	Operand, Less []int
	// Of, when set, computes the only quantity of a block instead: one number for
	// each element, whose magnitude counts. Every Keep is of it.
	Of func(b *ops.Block) []float32
	// Keep is, for each quantity, how many elements stay of all scans together;
	// at least one does.
	Keep []int
	// KeepOf, when set with Of, says it instead, of so many elements that are not
	// zero; of 0 none stays.
	KeepOf func(nonzero int) int
}

// operands is what the quantities need; nil is everything.
func (s Selection) operands() []int {
	if s.Of != nil {
		return nil
	}
	list := slices.Concat(s.Operand, s.Less)
	slices.Sort(list)
	return slices.Compact(list)
}

// values is quantity q of a block in float32.
func (s Selection) values(b *ops.Block, q int) []float32 {
	switch {
	case s.Of != nil:
		return s.Of(b)
	case s.Less == nil:
		return b.X(s.Operand[q])
	}
	return b.Sub(s.Operand[q], s.Less[q])
}

// sure is how many standard errors brackets reach to both sides, first and
// after a miss. A miss costs a pass over the quantity that it met, and no
// correctness.
var sure = [...]float64{3, 12}

// Cuts returns a cut for each quantity and scan. Of equal magnitudes the
// earlier scans and elements stay.
func (s Selection) Cuts(ctx context.Context) ([][]Cut, error) {
	if s.KeepOf != nil {
		s.Keep = []int{1} // until it is known
	}
	if s.numel() == 0 {
		none := make([][]Cut, len(s.Keep))
		for q := range none {
			none[q] = make([]Cut, len(s.Scans))
		}
		return none, nil
	}
	cuts, brackets := make([][]Cut, len(s.Keep)), make([]kernel.Bracket, len(s.Keep))
	todo := make([]int, len(s.Keep))
	for q := range todo {
		todo[q] = q
	}
	samples, err := s.sample(ctx)
	if s.KeepOf != nil {
		s.Keep[0] = s.KeepOf(s.guess(samples[0]))
	}
	for _, reach := range sure {
		if err != nil || len(todo) == 0 {
			return cuts, err
		}
		for _, q := range todo {
			brackets[q] = kernel.Estimate(samples[q], float64(s.keep(q))/float64(s.numel()), reach)
		}
		todo, err = s.within(ctx, todo, brackets, cuts)
	}
	for _, q := range todo {
		bits, err := s.exact(ctx, q)
		if err != nil {
			return nil, err
		}
		brackets[q] = kernel.Bracket{Lo: int32(bits), Hi: int32(bits)}
	}
	if len(todo) > 0 && err == nil {
		if todo, err = s.within(ctx, todo, brackets, cuts); err == nil && len(todo) > 0 {
			err = errors.New("the tensor changed while its largest elements were sought: is another program writing the model?")
		}
	}
	return cuts, err
}

// within makes the cuts of the quantities whose brackets hold the threshold
// and returns the others.
func (s Selection) within(ctx context.Context, todo []int, brackets []kernel.Bracket, cuts [][]Cut) (missed []int, err error) {
	tallies, err := s.tally(ctx, todo, brackets)
	if err != nil {
		return nil, err
	}
	for _, q := range todo {
		if s.KeepOf != nil {
			s.Keep[q] = s.KeepOf(tallies[q].nonzero())
			if s.Keep[q] == 0 {
				cuts[q] = slices.Repeat([]Cut{{Bits: math.MaxInt32}}, len(s.Scans))
				continue
			}
		}
		bits, ties, ok := tallies[q].threshold(brackets[q], s.keep(q))
		if !ok {
			missed = append(missed, q)
			continue
		}
		if cuts[q], err = s.cut(ctx, q, tallies[q], brackets[q], bits, ties); err != nil {
			return nil, err
		}
	}
	return missed, nil
}

func (s Selection) keep(q int) int { return min(max(s.Keep[q], 1), s.numel()) }

func (s Selection) numel() int {
	n := 0
	for _, scan := range s.Scans {
		n += scan.Pass.In[0].Shape.Numel()
	}
	return n
}

// cut hands the ties to the scans and blocks in order.
func (s Selection) cut(ctx context.Context, q int, t tallies, br kernel.Bracket, bits uint32, ties int) ([]Cut, error) {
	cuts := make([]Cut, len(s.Scans))
	for i, scan := range s.Scans {
		cuts[i] = Cut{Bits: bits, Index: scan.Pass.In[0].Shape.Numel()}
		for _, b := range t.scans[i] {
			n := b.equal(br, bits)
			if n <= ties {
				ties -= n
				continue
			}
			index, err := s.find(ctx, scan, q, b, bits, ties)
			if err != nil {
				return nil, err
			}
			cuts[i].Index, ties = index, 0
			break
		}
	}
	return cuts, nil
}

// find returns the index behind the n-th element of just that magnitude in a
// block.
func (s Selection) find(ctx context.Context, scan ops.Scan, q int, at block, bits uint32, n int) (index int, err error) {
	if n == 0 {
		return at.start, nil
	}
	err = scan.At(ctx, at.row, at.rows, func(b *ops.Block) error {
		for i, v := range s.values(b, q) {
			if kernel.MagnitudeBits(v) != bits {
				continue
			}
			if n--; n == 0 {
				index = at.start + i + 1
				return nil
			}
		}
		return nil
	}, s.operands()...)
	return index, err
}
