package merge

import (
	"slices"

	"github.com/rouxml/roux/tensor/kernel"
)

// ranking orders the elements of rows of one length by magnitude.
type ranking struct {
	keys, room []uint64
	open       []int // elements whose rank decides
	draws      []uint32
	counts     [len(digits)][]uint32
}

// digits are the parts of the magnitude bits that are sorted by, lowest first.
var digits = [...]struct{ shift, bits int }{{32, 11}, {43, 10}, {53, 10}}

// short rows are sorted by comparison: counting would look at more bins than
// there are elements.
const short = 256

func newRanking(cols int) *ranking {
	r := &ranking{keys: make([]uint64, cols), room: make([]uint64, cols), draws: make([]uint32, cols)}
	for d, digit := range digits {
		r.counts[d] = make([]uint32, 1<<digit.bits)
	}
	return r
}

// rankKey orders elements by magnitude; of equal ones the first is the largest.
func rankKey(f float32, i int) uint64 {
	return uint64(kernel.MagnitudeBits(f))<<32 | uint64(^uint32(i))
}

// sort returns the keys of a row in order, valid until the next call.
func (r *ranking) sort(x []float32) []uint64 {
	last := len(x) - 1
	for i, f := range x { // the last first: sorting by digits keeps the order of equals
		r.keys[last-i] = rankKey(f, i)
	}
	if len(x) < short {
		slices.Sort(r.keys)
		return r.keys
	}
	r.count()
	for d, digit := range digits {
		counts := r.counts[d]
		mask := uint64(len(counts) - 1)
		if counts[r.keys[0]>>digit.shift&mask] == uint32(len(x)) {
			continue
		}
		var at uint32
		for i, c := range counts {
			counts[i], at = at, at+c
		}
		for _, k := range r.keys {
			c := &counts[k>>digit.shift&mask]
			r.room[*c] = k
			*c++
		}
		r.keys, r.room = r.room, r.keys
	}
	return r.keys
}

// count makes the histograms of all digits.
func (r *ranking) count() {
	for _, c := range r.counts {
		clear(c)
	}
	a, b, c := r.counts[0][:1<<11], r.counts[1][:1<<10], r.counts[2][:1<<10]
	for _, k := range r.keys {
		a[k>>32&(1<<11-1)]++
		b[k>>43&(1<<10-1)]++
		c[k>>53&(1<<10-1)]++
	}
}
