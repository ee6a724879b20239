package nn

import (
	"context"
	"math"
	"sort"

	"github.com/rouxml/roux/tensor/rng"
)

// Sampling says how the next token is picked. The zero value takes the
// likeliest, of equal ones the lowest.
type Sampling struct {
	Temperature float64 // logits are divided by it; 0: no draw
	TopK        int     // draw among so many of the likeliest; 0: all
	TopP        float64 // draw among the likeliest that have this share together; 0: all
	Key         rng.Key // of the draws; the i'th token of the text takes draw i
}

// Generate takes in the prompt and then up to limit tokens of its own, which it
// returns. It ends behind a token for which stop, if there is one, is true, and
// where the model's positions do. Each token has a row of its own, so the text
// does not depend on workers or on where it was interrupted.
func (c *Cache) Generate(ctx context.Context, prompt []int32, limit int, s Sampling, stop func(int32) bool) ([]int32, error) {
	var out []int32
	next := prompt
	for len(out) < limit && c.Len()+len(next) <= c.model.arch.Positions {
		z, err := c.Next(ctx, next)
		if err != nil {
			return out, err
		}
		id := s.Pick(z, c.Len())
		out = append(out, id)
		if stop != nil && stop(id) {
			return out, nil
		}
		next = []int32{id}
	}
	return out, nil
}

// Pick returns a token by its logits; at is its place in the text.
func (s Sampling) Pick(z []float32, at int) int32 {
	if s.Temperature <= 0 {
		best := 0
		for i, v := range z {
			if v > z[best] {
				best = i
			}
		}
		return int32(best)
	}
	ids, weights := s.candidates(z)
	total := 0.0
	for _, w := range weights {
		total += w
	}
	aim := float64(s.Key.Uniform(at)) * total
	for i, w := range weights {
		if aim -= w; aim < 0 {
			return ids[i]
		}
	}
	return ids[len(ids)-1]
}

// candidates returns the tokens to draw among, the likeliest first, and their
// weights.
func (s Sampling) candidates(z []float32) ([]int32, []float64) {
	ids := make([]int32, len(z))
	for i := range ids {
		ids[i] = int32(i)
	}
	sort.SliceStable(ids, func(i, j int) bool { return z[ids[i]] > z[ids[j]] })
	if s.TopK > 0 {
		ids = ids[:min(s.TopK, len(ids))]
	}
	weights, total := make([]float64, len(ids)), 0.0
	for i, id := range ids {
		weights[i] = math.Exp(float64(z[id]-z[ids[0]]) / s.Temperature)
		total += weights[i]
	}
	if s.TopP <= 0 || s.TopP >= 1 {
		return ids, weights
	}
	sum := 0.0
	for i, w := range weights {
		if sum += w; sum >= s.TopP*total {
			return ids[:i+1], weights[:i+1]
		}
	}
	return ids, weights
}
