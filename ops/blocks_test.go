package ops

import (
	"math"
	"testing"
)

// TestBlocks: influence and distance are the papers' formulas; the last layer
// belongs to no run of layers that may go.
func TestBlocks(t *testing.T) {
	b := &Blocks{Next: []float64{0.1, 0.8, 0.9, 0.95}, Last: [][]float64{
		{1, 0, 0, 0, 0}, {0, 1, 0.5, 0, 0}, {0, 0.5, 1, 0.25, 1 + 1e-12}, {0, 0, 0.25, 1, 1}, {0, 0, 1 + 1e-12, 1, 1}}}
	if v := b.Influence(1); math.Abs(v-0.2) > 1e-15 {
		t.Errorf("influence %v", v)
	}
	if v := b.Distance(1, 1); math.Abs(v-1.0/3) > 1e-15 {
		t.Errorf("a cosine of a half is a third of a half turn, not %v", v)
	}
	if v := b.Distance(2, 2); v != 0 {
		t.Errorf("a cosine beyond one: %v", v)
	}
	if first, d, err := b.Nearest(1); first != 1 || math.Abs(d-1.0/3) > 1e-15 || err != nil {
		t.Errorf("layer %d, %v, %v", first, d, err)
	}
	for _, n := range []int{0, 4} {
		if _, _, err := b.Nearest(n); err == nil {
			t.Errorf("%d of four layers", n)
		}
	}
}
