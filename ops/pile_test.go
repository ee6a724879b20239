package ops

import (
	"slices"
	"testing"
)

// TestPile: any order of blocks gives the same bits.
func TestPile(t *testing.T) {
	for blocks := 1; blocks < 20; blocks++ {
		var want []float64
		for shift := range blocks {
			p := Pile{Blocks: blocks}
			for i := range blocks {
				k := (i*7 + shift) % blocks
				if blocks%7 == 0 {
					k = (i*5 + shift) % blocks
				}
				p.Add(k, []float64{1 / float64(k+3), 1})
			}
			got := p.Total(2)
			if want == nil {
				want = got
			}
			if !slices.Equal(got, want) || got[1] != float64(blocks) || len(p.nodes) != 1 {
				t.Errorf("%d blocks: %v, want %v", blocks, got, want)
			}
		}
	}
}
