package kernel

import (
	"slices"
	"sync"
	"sync/atomic"
)

const (
	kthPart     = 1 << 14 // elements of a part; its magnitudes stay in the cache
	kthRows     = 128     // of the sample
	kthRow      = 512     // elements of each
	kthSampled  = 1 << 17 // elements from which on a sample is taken
	kthCopied   = 8       // one in so many may be copied out
	kthSpreadBy = 0x9E3779B9
)

// KthMagnitude returns the magnitude bits of the k-th largest element of x by
// magnitude, exactly, and how many elements of just that magnitude are among
// the k largest: with KeepLargest, those of the lowest index. k is held between
// one and len(x), which is not zero. It computes on so many goroutines; the
// result does not depend on their number.
//
// A sample gives a bracket, one pass counts what lies above it and copies out
// what lies within. Where the bracket missed, two histograms tell.
func KthMagnitude(x []float32, k, workers int) (bits uint32, ties int) {
	k = min(max(k, 1), len(x))
	b := Bracket{Lo: -1, Hi: 0x7fffffff}
	if len(x) >= kthSampled {
		b = Estimate(kthSample(x), float64(k)/float64(len(x)), 3)
	}
	if tallies, ok := b.parts(x, workers); ok {
		if bits, ties, ok = b.Threshold(tallies, k); ok {
			return bits, ties
		}
	}
	return kthByHistograms(x, k)
}

func kthByHistograms(x []float32, k int) (bits uint32, ties int) {
	hist := make([]uint32, HighBins)
	HistHigh(hist, x)
	high, within := Kth(hist, k)
	clear(hist[:LowBins])
	HistLow(hist, x, high)
	low, ties := Kth(hist[:LowBins], within)
	return high<<15 | low, ties
}

// kthSample takes rows at uneven distances, so that no period is met.
func kthSample(x []float32) [][]uint32 {
	rows := make([][]uint32, kthRows)
	all := make([]uint32, kthRows*kthRow)
	for i := range rows {
		from, to := i*(len(x)/kthRows), (i+1)*(len(x)/kthRows)-kthRow
		from += int(uint64(uint32(i)*kthSpreadBy) * uint64(to-from) >> 32)
		rows[i] = all[i*kthRow : (i+1)*kthRow]
		for j, v := range x[from : from+kthRow] {
			rows[i][j] = MagnitudeBits(v)
		}
	}
	return rows
}

// parts tallies x part by part. It is false when too much lies in the bracket.
func (b Bracket) parts(x []float32, workers int) ([]Tally, bool) {
	tallies := make([]Tally, (len(x)+kthPart-1)/kthPart)
	most := int64(len(x)/kthCopied + kthSampled)
	var next, copied atomic.Int64
	var all sync.WaitGroup
	for range min(max(workers, 1), len(tallies)) {
		all.Go(func() {
			room := make([]uint32, kthPart+16)
			for i := int(next.Add(1)) - 1; i < len(tallies) && copied.Load() <= most; i = int(next.Add(1)) - 1 {
				t := b.Tally(x[i*kthPart:min((i+1)*kthPart, len(x))], room)
				t.Between = slices.Clone(t.Between)
				copied.Add(int64(len(t.Between)))
				tallies[i] = t
			}
		})
	}
	all.Wait()
	return tallies, copied.Load() <= most
}
