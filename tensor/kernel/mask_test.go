package kernel

import (
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
		var want []int
		for i := span[0]; i < span[1]; i++ {
			if a.Has(i) {
				want = append(want, i)
			}
		}
		if got := a.Members(nil, span[0], span[1]); !slices.Equal(got, want) {
			t.Errorf("members in %v: %v, want %v", span, got, want)
		}
	}
}
