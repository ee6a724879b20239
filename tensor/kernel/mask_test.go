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

// TestAboveOthers: over all draws that differ, an element is above others as
// many times as its rank says, equal ones included, wherever the row begins and
// however long it is.
func TestAboveOthers(t *testing.T) {
	nan := float32(math.NaN())
	for _, cols := range []int{2, 8, 16, 37, 200} {
		data := make([]float32, cols+OthersRoom)
		for i := range cols {
			data[i] = []float32{3, -1, 0, 2, -2, nan, 2, 0}[i*i%8] * float32(i%5)
		}
		for _, at := range []int{0, 48, 61} {
			times, draws := make([]int, cols), make([]uint32, cols/OthersRoom+1)
			for d := range cols - 1 {
				for i := range draws {
					draws[i] = uint32((uint64(d)<<32 + 1<<31) / uint64(cols-1))
				}
				above := make(Mask, MaskWords(at+cols))
				AboveOthers(above, at, data, draws)
				for i := range cols {
					if above.Has(at + i) {
						times[i]++
					}
				}
			}
			for i, n := range times {
				if rank := rankOf(data[:cols], i); n != rank {
					t.Errorf("%d columns: element %d is above for %d draws, want %d", cols, i, n, rank)
				}
			}
		}
	}
}

// rankOf is how many elements an element comes before.
func rankOf(row []float32, own int) (rank int) {
	for i, v := range row {
		a, b := MagnitudeBits(row[own]), MagnitudeBits(v)
		if a > b || (a == b && own < i) {
			rank++
		}
	}
	return rank
}
