package kernel

import (
	"math"
	"math/bits"
	"slices"
)

// Estimate is the range that holds the magnitude above which a share p lies, as
// far as a sample of magnitude bits tells, given by row: so many standard errors
// of that share, as it differs between rows, to both sides. Without a sample it
// is everything. The rows are not changed.
func Estimate(rows [][]uint32, p, errors float64) Bracket {
	if len(rows) == 0 {
		return Bracket{Lo: -1, Hi: math.MaxInt32}
	}
	n := 0
	for _, r := range rows {
		n += len(r)
	}
	middle, _ := kth(rows, rank(p, n), 0, math.MaxInt32)
	reach := errors*standardError(rows, middle) + 2/float64(n)
	b := Bracket{Lo: -1, Hi: math.MaxInt32}
	if p-reach > 0 {
		hi, _ := kth(rows, rank(p-reach, n), middle, math.MaxInt32)
		b.Hi = int32(hi)
	}
	if p+reach < 1 {
		lo, _ := kth(rows, rank(p+reach, n), 0, middle)
		b.Lo = int32(lo)
	}
	return b
}

func rank(p float64, n int) int { return min(max(int(math.Ceil(p*float64(n))), 1), n) }

// standardError is that of the share above a value, as the rows differ in it.
func standardError(rows [][]uint32, value uint32) float64 {
	var sum, square float64
	for _, r := range rows {
		above := 0
		for _, v := range r {
			if v > value {
				above++
			}
		}
		share := float64(above) / float64(max(len(r), 1))
		sum, square = sum+share, square+share*share
	}
	n := float64(len(rows))
	return math.Sqrt(max(square/n-sum/n*(sum/n), 0) / n)
}

// Threshold returns the magnitude of the k-th largest element of what was
// tallied and how many of just that magnitude belong to the k. It is false where
// the bracket does not hold it.
func (b Bracket) Threshold(tallies []Tally, k int) (value uint32, ties int, ok bool) {
	var sum Tally
	lists, between := make([][]uint32, len(tallies)), 0
	for i, t := range tallies {
		sum.Above, sum.AtHi, sum.AtLo = sum.Above+t.Above, sum.AtHi+t.AtHi, sum.AtLo+t.AtLo
		lists[i], between = t.Between, between+len(t.Between)
	}
	left := k - sum.Above
	switch {
	case left <= 0:
		return 0, 0, false
	case left <= sum.AtHi:
		return uint32(b.Hi), left, true
	case left <= sum.AtHi+between:
		value, ties = b.among(lists, between, left-sum.AtHi)
		return value, ties, true
	case left <= sum.AtHi+between+sum.AtLo:
		return uint32(b.Lo), left - sum.AtHi - between, true
	}
	return 0, 0, false
}

const (
	manyBetween = 1 << 15 // elements from which on a narrower bracket pays
	fewSampled  = 1 << 13 // of them tell it
)

// among returns the k-th largest of the n elements of lists, which lie in the
// bracket. Of many, a sample tells a narrower bracket, as it did of the whole:
// that is faster than to count them all.
func (b Bracket) among(lists [][]uint32, n, k int) (value uint32, ties int) {
	if n >= manyBetween {
		inner := Estimate(thinned(lists, n/fewSampled), float64(k)/float64(n), 4)
		if inner.Lo > b.Lo && inner.Hi < b.Hi {
			if value, ties, ok := inner.Threshold(inner.tallies(lists), k); ok {
				return value, ties
			}
		}
	}
	return kth(lists, k, uint32(max(b.Lo, 0)), uint32(b.Hi))
}

// thinned takes one in so many elements of each list.
func thinned(lists [][]uint32, one int) [][]uint32 {
	out := make([][]uint32, 0, len(lists))
	for i, list := range lists {
		var few []uint32
		for j := i % one; j < len(list); j += one {
			few = append(few, list[j])
		}
		if few != nil {
			out = append(out, few)
		}
	}
	return out
}

func (b Bracket) tallies(lists [][]uint32) []Tally {
	out := make([]Tally, len(lists))
	var room []uint32
	for i, list := range lists {
		if len(list) == 0 {
			continue
		}
		room = slices.Grow(room[:0], len(list)+16)
		t := b.Tally(floatsOf(list), room[:len(list)+16])
		t.Between = slices.Clone(t.Between)
		out[i] = t
	}
	return out
}

// kth returns the k-th largest of all lists and how many of its equals belong
// to the k, by counting eleven bits at a time. It lies between lo and hi: the
// bits that these have in common need no counting.
func kth(lists [][]uint32, k int, lo, hi uint32) (value uint32, within int) {
	const digit = 11
	open := bits.Len32(lo ^ hi)
	value = hi >> open << open
	for open > 0 {
		shift := max(open-digit, 0)
		// Two histograms: neighbours are often equal, and counting them in one
		// place would wait for each other.
		var hist [2][1 << digit]uint32
		for _, list := range lists {
			for i, v := range list {
				if d := (v ^ value) >> shift; d < 1<<(open-shift) {
					hist[i&1][d]++
				}
			}
		}
		for i, c := range hist[1] {
			hist[0][i] += c
		}
		bin, rest := Kth(hist[0][:], k)
		value |= bin << shift
		k, open = rest, shift
	}
	return value, k
}
