package kernel

import "math"

// MinMax returns the least and the greatest element, NaN left out, and zeros as
// positive; of nothing it returns plus and minus infinity.
func MinMax(x []float32) (least, most float32) {
	var lo, hi [16]float32
	for i := range lo {
		lo[i], hi[i] = float32(math.Inf(1)), float32(math.Inf(-1))
	}
	n := body(len(x), 1)
	switch {
	case n == 0:
	case wide():
		extremesAVX512(&x[0], n, &lo[0], &hi[0])
	default:
		extremesAVX2(&x[0], n, &lo[0], &hi[0])
	}
	least, most = lo[0], hi[0]
	for i := range lo {
		least, most = min(least, lo[i]), max(most, hi[i])
	}
	for _, v := range x[n:] {
		if v < least {
			least = v
		}
		if v > most {
			most = v
		}
	}
	return least + 0, most + 0
}

// AbsMax returns the greatest magnitude, that of NaN being above infinity; of
// nothing it is zero.
func AbsMax(x []float32) float32 {
	var lanes [16]uint32
	n := body(len(x), 1)
	switch {
	case n == 0:
	case wide():
		absMaxAVX512(&x[0], n, &lanes[0])
	default:
		absMaxAVX2(&x[0], n, &lanes[0])
	}
	var most uint32
	for _, b := range lanes {
		most = max(most, b)
	}
	for _, v := range x[n:] {
		most = max(most, MagnitudeBits(v))
	}
	return math.Float32frombits(most)
}

// Histogram adds to counts how many elements lie in each of so many equal parts
// of lo to hi, which are finite and lo the less; hi itself belongs to the last. NaN
// and what lies outside is left out. An element's part is (x-lo)*parts/(hi-lo)
// as float32 rounds it.
func Histogram(counts []uint64, x []float32, lo, hi float32) {
	scale := float32(float64(len(counts)) / (float64(hi) - float64(lo)))
	last, none := int32(len(counts)-1), int32(len(counts))
	var index [256]int32
	for len(x) > 0 {
		n := min(len(x), len(index))
		binsOf(index[:n], x[:n], lo, hi, scale, last, none)
		for _, b := range index[:n] {
			if b != none {
				counts[b]++
			}
		}
		x = x[n:]
	}
}

func binsOf(index []int32, x []float32, lo, hi, scale float32, last, none int32) {
	n := body(len(x), 1)
	switch {
	case n == 0:
	case wide():
		binsAVX512(&index[0], &x[0], lo, hi, scale, last, none, n)
	default:
		binsAVX2(&index[0], &x[0], lo, hi, scale, last, none, n)
	}
	for i := n; i < len(x); i++ {
		index[i] = none
		if x[i] >= lo && x[i] <= hi {
			index[i] = int32(min(float32((x[i]-lo)*scale), float32(last)))
		}
	}
}
