package ops

import (
	"fmt"
	"math"
)

// Blocks says how alike the hidden states are that go into and come out of the
// layers. State 0 is the embedding and state l+1 stands behind layer l.
type Blocks struct {
	// Next holds the mean cosine between states l and l+1 over all tokens.
	Next []float64
	// Last holds the mean cosine between any two states over the last token of
	// each sample.
	Last [][]float64
}

// Influence is how much layer l changes its input: one less the mean cosine, the
// block influence of ShortGPT (arXiv:2403.03853).
func (b *Blocks) Influence(l int) float64 { return 1 - b.Next[l] }

// Distance is the angle, over pi, by which n layers from l on turn the last
// token: the angular distance of Gromov et al. (arXiv:2403.17887).
func (b *Blocks) Distance(l, n int) float64 {
	return math.Acos(math.Max(-1, math.Min(1, b.Last[l][l+n]))) / math.Pi
}

// Nearest finds the n layers in a row, the last of the model not among them,
// whose distance is least; of equal ones the first.
func (b *Blocks) Nearest(n int) (first int, distance float64, err error) {
	if n < 1 || n >= len(b.Next) {
		return 0, 0, fmt.Errorf("%d layers in a row before the last: the model has %d", n, len(b.Next))
	}
	distance = math.Inf(1)
	for l := range len(b.Next) - n {
		if d := b.Distance(l, n); d < distance {
			first, distance = l, d
		}
	}
	return first, distance, nil
}
