package kernel

import (
	"math"
	"unsafe"
)

// The order of magnitudes is that of the bits without the sign, so that
// infinities come above all numbers and NaN above infinities.

// MagnitudeBits returns what magnitudes are ordered by.
func MagnitudeBits(f float32) uint32 { return math.Float32bits(f) & 0x7fffffff }

// HighBins and LowBins are the sizes of the two histograms of a selection: the
// upper 16 bits of a magnitude, and the lower 15 within one upper value.
const (
	HighBins = 1 << 16
	LowBins  = 1 << 15
)

// HistHigh counts magnitudes by their upper 16 bits. hist has HighBins.
func HistHigh(hist []uint32, x []float32) {
	hist = hist[:HighBins]
	for _, f := range x {
		hist[MagnitudeBits(f)>>15]++
	}
}

// HistLow counts the lower 15 bits of the magnitudes whose upper bits are high.
func HistLow(hist []uint32, x []float32, high uint32) {
	hist = hist[:LowBins]
	for _, f := range x {
		if b := MagnitudeBits(f); b>>15 == high {
			hist[b&(LowBins-1)]++
		}
	}
}

// Kth finds the k-th largest of a histogram: the bin it falls into and how many
// of that bin belong to the k largest. k counts from one; a k beyond the total
// keeps everything: bin zero and its whole count.
func Kth[N uint32 | uint64](hist []N, k int) (bin uint32, within int) {
	left := k
	for b := len(hist) - 1; b >= 0; b-- {
		if left <= int(hist[b]) {
			return uint32(b), left
		}
		left -= int(hist[b])
	}
	return 0, int(hist[0])
}

// Bracket is a range of magnitude bits that is believed to hold a threshold.
// A Lo of -1 lies below all magnitudes.
type Bracket struct{ Lo, Hi int32 }

// Tally is how the elements of a block lie to a bracket.
type Tally struct {
	Above, AtHi, AtLo int      // counts; AtLo is 0 where Lo is Hi
	Between           []uint32 // magnitude bits strictly within, in order
}

// Tally sorts elements into the bracket. The room is overwritten; it has 16
// elements more than x.
func (b Bracket) Tally(x []float32, room []uint32) Tally {
	var c counts
	n := body(len(x), 1)
	switch {
	case n == 0:
	case wide():
		c.taken = bracketAVX512(&x[0], n, b.Lo, b.Hi, &room[:len(x)+16][0], &c.lanes[0])
	default:
		c.taken = bracketAVX2(&x[0], n, b.Lo, b.Hi, &room[:len(x)+16][0], &c.lanes[0])
	}
	t := c.tally(room)
	for _, f := range x[n:] {
		t.add(b, int32(MagnitudeBits(f)))
	}
	return t.of(b)
}

// TallyBF16 sorts the differences x-less of bfloat16 numbers into the bracket.
func (b Bracket) TallyBF16(x, less []byte, room []uint32) Tally {
	var c counts
	less = less[:len(x)]
	n := body(len(x)/2, 1)
	switch {
	case n == 0:
	case wide():
		c.taken = bracketBF16AVX512(&x[0], &less[0], n, b.Lo, b.Hi, &room[:len(x)/2+16][0], &c.lanes[0])
	default:
		c.taken = bracketBF16AVX2(&x[0], &less[0], n, b.Lo, b.Hi, &room[:len(x)/2+16][0], &c.lanes[0])
	}
	t := c.tally(room)
	for i := 2 * n; i < len(x); i += 2 {
		t.add(b, int32(MagnitudeBits(fromBF16(x[i:])-fromBF16(less[i:]))))
	}
	return t.of(b)
}

// TallyTwoBF16 is TallyBF16 of two brackets. It takes little more than that of
// one where the other lies above b, and few elements do. Both rooms are
// overwritten; the other's is for twice as many elements.
func (b Bracket) TallyTwoBF16(other Bracket, x, less []byte, room, otherRoom []uint32) (t, o Tally) {
	size := len(x)/2 + 16
	n := body(len(x)/2, 1)
	if n == 0 || other.Lo <= b.Hi {
		return b.TallyBF16(x, less, room), other.TallyBF16(x, less, otherRoom)
	}
	var c counts
	var tailed int
	less = less[:len(x)]
	tail := otherRoom[:size:size]
	loop := bracketTailBF16AVX2
	if wide() {
		loop = bracketTailBF16AVX512
	}
	c.taken, tailed = loop(&x[0], &less[0], n, b.Lo, b.Hi, &room[:size][0], &c.lanes[0], other.Lo-1, &tail[0])
	t, tail = c.tally(room), tail[:tailed]
	for i := 2 * n; i < len(x); i += 2 {
		bits := MagnitudeBits(fromBF16(x[i:]) - fromBF16(less[i:]))
		t.add(b, int32(bits))
		tail = append(tail, bits)
	}
	return t.of(b), other.Tally(floatsOf(tail), otherRoom[size:])
}

// floatsOf is magnitude bits as what they are the bits of: floats that are not
// negative.
func floatsOf(bits []uint32) []float32 {
	if len(bits) == 0 {
		return nil
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(&bits[0])), len(bits))
}

// counts is what the assembly found: three vectors, of 8 or 16 lanes.
type counts struct {
	lanes [48]uint32
	taken int
}

func (c *counts) tally(room []uint32) Tally {
	t := Tally{Between: room[:c.taken]}
	lanes := 8
	if wide() {
		lanes = 16
	}
	for i := range lanes {
		t.Above += int(c.lanes[i])
		t.AtHi += int(c.lanes[lanes+i])
		t.AtLo += int(c.lanes[2*lanes+i])
	}
	return t
}

// of leaves out what was counted twice because Lo is Hi.
func (t Tally) of(b Bracket) Tally {
	if b.Lo == b.Hi {
		t.AtLo = 0
	}
	return t
}

func (t *Tally) add(b Bracket, bits int32) {
	switch {
	case bits > b.Hi:
		t.Above++
	case bits == b.Hi:
		t.AtHi++
	case bits == b.Lo:
		t.AtLo++
	case bits > b.Lo:
		t.Between = append(t.Between, uint32(bits))
	}
}

// KeepLargest sets the mask to the elements whose magnitude bits are above
// bits, and those equal to it whose index is below upto.
func KeepLargest(keep Mask, x []float32, bits uint32, upto int) {
	bound := int32(bits)
	if upto >= len(x) {
		bound--
	}
	KeepAbove(keep, x, bound)
	if upto >= len(x) {
		return
	}
	for i := range max(upto, 0) {
		if MagnitudeBits(x[i]) == bits {
			keep.Set(i)
		}
	}
}

// KeepAbove sets the mask to the elements whose magnitude bits are above bound.
func KeepAbove(keep Mask, x []float32, bound int32) {
	clear(keep)
	n := body(len(x), 1)
	switch {
	case n == 0:
	case wide():
		aboveMaskAVX512(&keep[0], &x[0], n, bound)
	default:
		aboveMaskAVX2(&keep[0], &x[0], n, bound)
	}
	for i := n; i < len(x); i++ {
		if int32(MagnitudeBits(x[i])) > bound {
			keep.Set(i)
		}
	}
}

// KeepAboveBF16 is KeepAbove of the differences x-less of bfloat16 numbers.
func KeepAboveBF16(keep Mask, x, less []byte, bound int32) {
	clear(keep)
	less = less[:len(x)]
	n := body(len(x)/2, 1)
	switch {
	case n == 0:
	case wide():
		aboveMaskBF16AVX512(&keep[0], &x[0], &less[0], n, bound)
	default:
		aboveMaskBF16AVX2(&keep[0], &x[0], &less[0], n, bound)
	}
	for i := n; i < len(x)/2; i++ {
		if int32(MagnitudeBits(fromBF16(x[2*i:])-fromBF16(less[2*i:]))) > bound {
			keep.Set(i)
		}
	}
}
