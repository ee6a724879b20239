package kernel

import (
	"math"
	"slices"
	"testing"
)

// TestMask holds the set operations to asking for each element.
func TestMask(t *testing.T) {
	const n = 200
	a, b := make(Mask, MaskWords(n)), make(Mask, MaskWords(n))
	for i := range n {
		if i%3 == 0 {
			a.Set(i)
		}
		if i%5 < 2 {
			b.Set(i)
		}
	}
	less, not := slices.Clone(a), slices.Clone(a)
	less.Less(b)
	not.Invert()
	for i := range n {
		if less.Has(i) != (a.Has(i) && !b.Has(i)) || not.Has(i) == a.Has(i) {
			t.Errorf("element %d", i)
		}
	}
	for _, span := range [][2]int{{0, 0}, {0, n}, {1, 64}, {63, 65}, {64, 128}, {70, 71}, {5, 199}, {130, 130}} {
		want := 0
		for i := span[0]; i < span[1]; i++ {
			if a.Has(i) {
				want++
			}
		}
		if got := a.Count(span[0], span[1]); got != want {
			t.Errorf("%d kept in %v, want %d", got, span, want)
		}
	}
}

// TestKeepAboveOthers: over all draws that differ, an element is kept as many
// times as its rank says, equal ones included.
func TestKeepAboveOthers(t *testing.T) {
	nan := float32(math.NaN())
	row := []float32{3, -1, 0, 2, -2, nan, 2, 0}
	ranks := []int{6, 2, 1, 5, 4, 7, 3, 0}
	const at = 60
	for i, rank := range ranks {
		kept := 0
		for d := range len(row) - 1 {
			keep, open := make(Mask, MaskWords(at+len(row))), make(Mask, MaskWords(at+len(row)))
			open.Set(at - 1) // of another row
			open.Set(at + i)
			draw := uint32((uint64(d)<<32 + 1<<31) / uint64(len(row)-1))
			KeepAboveOthers(keep, open, row, at, []uint32{draw})
			if keep.Has(at + i) {
				kept++
			}
		}
		if kept != rank {
			t.Errorf("element %d was kept for %d draws, want %d", i, kept, rank)
		}
	}
}
