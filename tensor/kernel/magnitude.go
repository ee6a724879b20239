package kernel

import "math"

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

// CountEqual counts the elements of exactly that magnitude.
func CountEqual(x []float32, bits uint32) int {
	n := 0
	for _, f := range x {
		if MagnitudeBits(f) == bits {
			n++
		}
	}
	return n
}

// KeepLargest zeroes every element below the magnitude, and of those equal to
// it all but the first `ties`. It returns how many ties were kept.
func KeepLargest(x []float32, bits uint32, ties int) int {
	kept := 0
	for i, f := range x {
		b := MagnitudeBits(f)
		if b > bits {
			continue
		}
		if b == bits && kept < ties {
			kept++
			continue
		}
		x[i] = 0
	}
	return kept
}

// Kth finds the k-th largest magnitude of a histogram: the bin it falls into
// and how many of that bin belong to the k largest. k counts from one; a k
// beyond the total keeps everything: bin zero and its whole count.
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
