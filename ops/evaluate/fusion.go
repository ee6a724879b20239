package evaluate

import (
	"math"
	"slices"
)

// The grid on which dynamic logits fusion looks for its weights.
const (
	fusionStep   = 0.1
	fusionPoints = 20
	fusionSweeps = 10
)

// fusion is dynamic logits fusion (Fan et al., arXiv 2406.15480): z = z_L + sum
// a_t d_t with d_t = z_t - z_S. It is made once for a goroutine and looks at one
// position after another.
type fusion struct {
	large, p []float64   // ln P_L and P_L
	d        [][]float64 // by expert
	to, from []float64   // KL(P_t|P_S) and KL(P_S|P_t)
	at       []int       // a in steps of the grid
	z        []float64   // of fused
	norm     float64     // that of the weights that were found
}

// newFusion is for so many models, of which the first is the large one and the
// last the small one.
func newFusion(models, vocab int) *fusion {
	n := models - 2
	f := &fusion{large: make([]float64, vocab), p: make([]float64, vocab), z: make([]float64, vocab), d: make([][]float64, n), to: make([]float64, n), from: make([]float64, n), at: make([]int, n)}
	for t := range f.d {
		f.d[t] = make([]float64, vocab)
	}
	return f
}

// fusionBytes is what newFusion takes.
func fusionBytes(models, vocab int) int64 { return 8 * int64(models+1) * int64(vocab) }

// begin takes the logits of the models at a position and their log sums. A token
// that an expert gives some probability and the small model none has no d: it is
// returned with the expert, and else -1.
func (f *fusion) begin(z [][]float32, sums []float64) (expert, token int) {
	small := len(z) - 1
	clear(f.to)
	clear(f.from)
	clear(f.at)
	for k, v := range z[0] {
		f.large[k] = float64(v) - sums[0]
		f.p[k] = math.Exp(f.large[k])
	}
	for t, d := range f.d {
		for k, v := range z[t+1] {
			e, s := float64(v), float64(z[small][k])
			switch d[k] = e - s; {
			case math.IsInf(d[k], 1):
				return t, k
			case d[k] != d[k]:
				d[k] = 0 // both exclude it
			}
			le, ls := e-sums[t+1], s-sums[small]
			f.to[t] += term(math.Exp(le), le, ls)
			f.from[t] += term(math.Exp(ls), ls, le)
		}
	}
	return -1, -1
}

// term is the part of one token in KL(p|q), by p, ln p and ln q: none where p is 0.
func term(p, lp, lq float64) float64 {
	if p == 0 {
		return 0
	}
	return float64(p * (lp - lq))
}

// fused sets z to the log probabilities with the weights at hand, not of the sum
// 1, and returns the log of their sum.
func (f *fusion) fused() float64 {
	copy(f.z, f.large)
	for t, d := range f.d {
		if f.at[t] == 0 {
			continue
		}
		a := fusionStep * float64(f.at[t])
		for k, v := range d {
			f.z[k] += float64(a * v)
		}
	}
	most, sum := math.Inf(-1), 0.0
	for _, v := range f.z {
		if v > most {
			most = v
		}
	}
	for _, v := range f.z {
		sum += math.Exp(v - most)
	}
	return most + math.Log(sum)
}

// solve finds the weights: of one expert the best of the grid, of several one
// after the other until none moves. Of equal ones the smallest is taken.
func (f *fusion) solve() []float64 {
	asked := make([][]int, len(f.d)) // where all stood after the last search for each
	for range fusionSweeps {
		moved := false
		for t := range f.d {
			if slices.Equal(asked[t], f.at) {
				continue // nothing else moved since
			}
			was := f.at[t]
			f.at[t], f.norm = f.best(t)
			asked[t] = slices.Clone(f.at)
			moved = moved || f.at[t] != was
		}
		if !moved || len(f.d) == 1 {
			break
		}
	}
	out := make([]float64, len(f.at))
	for t, a := range f.at {
		out[t] = fusionStep * float64(a)
	}
	return out
}

// nll is the negative log likelihood of a token by the prediction with the
// weights that solve found.
func (f *fusion) nll(target int32) float64 {
	z := f.large[target]
	for t, a := range f.at {
		if a != 0 {
			z += float64(fusionStep * float64(a) * f.d[t][target])
		}
	}
	return f.norm - z
}
