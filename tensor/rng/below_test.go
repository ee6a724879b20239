package rng

import (
	"math"
	"slices"
	"testing"

	"github.com/rouxml/roux/tensor/kernel/cpu"
)

// TestBelow: the shares are near the probabilities by four standard deviations,
// what is below the lower limit is below the higher, every cut of the range
// draws the same, at every CPU level, nothing behind the masks is written, and
// each draw is the number that its bits give.
func TestBelow(t *testing.T) {
	const n = 1 << 15
	k := NewKey(1, "op", "role", "tensor", "drop")
	for _, c := range [][2]float64{{0.35, 0.65}, {0, 0.3}, {0.5, 0.5}, {0.01, 0.011}, {0.25, 0.75}, {0.9, 1}} {
		var want [2][]uint64
		for _, level := range cpu.Levels() {
			restore := cpu.Force(level)
			low, high := make([]uint64, n/64), make([]uint64, n/64)
			k.Below(low, high, 0, n, c[0], c[1])
			if want[0] == nil {
				want = [2][]uint64{low, high}
			} else if !slices.Equal(low, want[0]) || !slices.Equal(high, want[1]) {
				t.Errorf("%v: %s draws otherwise than another level", c, level)
			}
			belowCuts(t, k, want, c)
			restore()
		}
		var kept [2]float64
		for i := range n {
			for l, p := range c {
				below := has(want[l], i)
				if below {
					kept[l]++
				}
				if number := numberBelow(k, i); below != (number < uint64(math.RoundToEven(p*(1<<38)))) {
					t.Fatalf("%v: element %d draws %#x", c, i, number)
				}
			}
			if has(want[0], i) && !has(want[1], i) {
				t.Fatalf("%v: element %d is below the lower alone", c, i)
			}
		}
		for l, p := range c {
			if d := math.Abs(kept[l] - p*n); d > 4*math.Sqrt(n*p*(1-p)) {
				t.Errorf("%v: kept %v of %d", p, kept[l], n)
			}
		}
	}
}

// numberBelow is the 38-bit number of an element.
func numberBelow(k Key, i int) (n uint64) {
	for plane := range own {
		word := k.block(uint64(i/128) + uint64(plane)<<59)[i%128/32]
		n |= uint64(^word>>(i%32)&1) << (32 + plane)
	}
	return n | uint64(k.block(uint64(i/128) + uint64(own)<<59)[i%128/32])
}

// belowCuts draws the range in pieces that begin anywhere.
func belowCuts(t *testing.T, k Key, whole [2][]uint64, c [2]float64) {
	t.Helper()
	n := 64 * len(whole[0])
	for from, size := 0, 1; from < n; from, size = from+size, (size+37)*5/4 {
		m := min(size, n-from)
		words := (m + 63) / 64
		cut := [2][]uint64{make([]uint64, words+1), make([]uint64, words+1)}
		k.Below(cut[0][:words], cut[1][:words], from, m, c[0], c[1])
		for l := range cut {
			for i := range m {
				if has(cut[l], i) != has(whole[l], from+i) {
					t.Fatalf("%v: element %d depends on the cut at %d", c, from+i, from)
				}
			}
			if cut[l][words] != 0 {
				t.Fatalf("%v: %d draws write behind", c, m)
			}
		}
	}
}

// TestBelowSpread: that 32 elements share lower bits hardly changes how much
// their count varies.
func TestBelowSpread(t *testing.T) {
	const n, p = 1 << 20, 0.5 + 1.0/128 // of all, its lower bits are the most uncertain
	mask, other := make([]uint64, n/64), make([]uint64, n/64)
	NewKey(3, "", "", "", "").Below(mask, other, 0, n, p, p)
	var sum, squares float64
	for i := range n / 32 {
		count := 0.0
		for j := range 32 {
			if has(mask, 32*i+j) {
				count++
			}
		}
		sum, squares = sum+count, squares+count*count
	}
	const groups = n / 32
	variance := squares/groups - sum*sum/groups/groups
	if want := 32 * p * (1 - p); math.Abs(variance/want-1) > 0.01+4*math.Sqrt(2.0/groups) {
		t.Errorf("variance %v of 32, want about %v", variance, want)
	}
}

func BenchmarkBelow(b *testing.B) {
	low, high := make([]uint64, 1<<8), make([]uint64, 1<<8)
	k := NewKey(2, "", "", "", "")
	b.SetBytes(1 << 14)
	for range b.N {
		k.Below(low, high, 0, 1<<14, 0.35, 0.65)
	}
}
