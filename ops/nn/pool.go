package nn

import (
	"fmt"
	"math"

	"github.com/rouxml/roux/tensor/kernel"
)

// Pooling makes one vector of a sequence's hidden states.
type Pooling string

// The ways of pooling.
const (
	Mean  Pooling = "mean"  // of all tokens
	First Pooling = "first" // of the first token, as BERT has it
	Last  Pooling = "last"  // of the last token, for causal models
)

// Pool returns one vector for a sequence; with normalize it has length one.
func (s *States) Pool(sequence int, how Pooling, normalize bool) ([]float32, error) {
	n := len(s.batch[sequence])
	out := make([]float32, s.model.arch.Hidden)
	switch how {
	case First:
		copy(out, s.Row(sequence, 0))
	case Last:
		copy(out, s.Row(sequence, n-1))
	case Mean:
		for i := range n {
			kernel.Add(out, s.Row(sequence, i))
		}
		kernel.Scale(out, 1/float32(n))
	default:
		return nil, fmt.Errorf("pooling %q is unknown; there are first, last and mean", how)
	}
	if length := math.Sqrt(kernel.Norm2(out)); normalize && length > 0 {
		kernel.Scale(out, float32(1/length))
	}
	return out, nil
}
