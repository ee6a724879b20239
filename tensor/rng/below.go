package rng

import (
	"math"

	"github.com/rouxml/roux/tensor/kernel/cpu"
)

// own is how many upper bits of the numbers that Below draws are the element's
// own. The 32 lower ones decide for one element in 64 and are shared: that costs
// a plane of random bits less for each, and leaves elements all but independent,
// as the variance of how many of 32 are below grows by less than a hundredth.
const own = 6

// Below draws one number for each element and sets bit i%64 of low[i/64], for
// every i below n, where that of element start+i is below p, and of high where
// it is below q; the rest of the last words is undefined. Each share is within
// 2^-38 of the probability, which lies between 0 and 1. A block of a tensor gets
// the same bits wherever it is cut, if it is cut at multiples of 128; elsewhere
// it costs a copy.
func (k Key) Below(low, high []uint64, start, n int, p, q float64) {
	limits := [2]uint64{limitOf(p), limitOf(q)}
	schedule := k.schedule()
	var draws [2][2*chunk + 1]uint64 // the last word is what a shift brings in
	for from := 0; from < n; {
		offset := (start + from) % 128
		m := min(n-from, 128*chunk-offset)
		if whole := (n - from) &^ (128*chunk - 1); offset == 0 && from%64 == 0 && whole > 0 {
			m = whole
			k.below(low[from/64:], high[from/64:], uint64(start+from)/128, m/128, &schedule, &limits)
		} else {
			k.below(draws[0][:], draws[1][:], uint64(start+from)/128, chunk, &schedule, &limits)
			put(low, from, draws[0][:], offset, m)
			put(high, from, draws[1][:], offset, m)
		}
		from += m
	}
}

// put copies n bits.
func put(to []uint64, at int, from []uint64, first, n int) {
	for i := 0; i < n; {
		m := min(n-i, 64-(at+i)%64)
		word, shift := (first+i)/64, (first+i)%64
		bits := from[word] >> shift
		if shift != 0 {
			bits |= from[word+1] << (64 - shift)
		}
		into := (at + i) % 64
		if into == 0 {
			to[(at+i)/64] = bits
		} else {
			to[(at+i)/64] = to[(at+i)/64]&(1<<into-1) | bits<<into
		}
		i += m
	}
}

// limitOf has the numbers' bits: own above 32.
func limitOf(p float64) uint64 {
	return uint64(math.RoundToEven(min(max(p, 0), 1) * (1 << (32 + own))))
}

// below draws two words for every counter, of which there are a multiple of 16.
func (k Key) below(low, high []uint64, counter uint64, n int, schedule *[22]uint32, limits *[2]uint64) {
	switch cpu.Active() {
	case cpu.AVX512:
		belowAVX512(&low[:2*n][0], &high[:2*n][0], counter, n, &schedule[0], &limits[0])
	case cpu.AVX2:
		belowAVX2(&low[:2*n][0], counter, n, &schedule[0], &limits[0])
		belowAVX2(&high[:2*n][0], counter, n, &schedule[0], &limits[1])
	default:
		for i := range n {
			k.belowOne(low[2*i:], high[2*i:], counter+uint64(i), limits)
		}
	}
	for l, mask := range [][]uint64{low, high} {
		if limits[l] == 1<<(32+own) { // more than the planes have
			for i := range mask[:2*n] {
				mask[i] = ^uint64(0)
			}
		}
	}
}

// belowOne is the 128 numbers of one counter.
func (k Key) belowOne(low, high []uint64, counter uint64, limits *[2]uint64) {
	var planes [own + 1][4]uint32
	for i := range planes {
		planes[i] = k.block(counter + uint64(i)<<59)
	}
	for l, mask := range [][]uint64{low, high} {
		for w := range 4 {
			kept, open := uint32(0), ^uint32(0)
			for plane := own - 1; plane >= 0; plane-- {
				r := planes[plane][w]
				if limits[l]>>(32+plane)&1 != 0 {
					kept |= open & r
					r = ^r
				}
				open &= r
			}
			if planes[own][w] < uint32(limits[l]) {
				kept |= open
			}
			if w%2 == 0 {
				mask[w/2] = uint64(kept)
			} else {
				mask[w/2] |= uint64(kept) << 32
			}
		}
	}
}
