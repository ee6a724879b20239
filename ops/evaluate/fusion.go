package evaluate

import "math"

// The grid on which dynamic logits fusion looks for its weights.
const (
	fusionStep   = 0.1
	fusionPoints = 20
	fusionSweeps = 10
)

// fusion is dynamic logits fusion at one position (Fan et al., arXiv
// 2406.15480): z = z_L + sum a_t d_t with d_t = z_t - z_S.
type fusion struct {
	large    []float64   // ln P_L
	d        [][]float64 // by expert
	to, from []float64   // KL(P_t|P_S) and KL(P_S|P_t)
	at       []int       // a in steps of the grid
	z        []float64   // of fused
}

// newFusion takes the logits of the large model, the experts and the small one,
// and their log sums.
func newFusion(z [][]float32, sums []float64) *fusion {
	n, small := len(z)-2, len(z)-1
	f := &fusion{large: make([]float64, len(z[0])), d: make([][]float64, n), to: make([]float64, n), from: make([]float64, n), at: make([]int, n), z: make([]float64, len(z[0]))}
	for k, v := range z[0] {
		f.large[k] = float64(v) - sums[0]
	}
	for t := range n {
		d := make([]float64, len(z[0]))
		for k, v := range z[t+1] {
			s := float64(z[small][k])
			d[k] = float64(v) - s
			expert, base := float64(v)-sums[t+1], s-sums[small]
			f.to[t] += float64(math.Exp(expert) * (expert - base))
			f.from[t] += float64(math.Exp(base) * (base - expert))
		}
		f.d[t] = d
	}
	return f
}

// fused are the log probabilities with weights on the grid, not of the sum 1,
// and the log of their sum. They hold until it is called again.
func (f *fusion) fused(at []int) ([]float64, float64) {
	z := f.z
	copy(z, f.large)
	for t, d := range f.d {
		if at[t] == 0 {
			continue
		}
		a := fusionStep * float64(at[t])
		for k, v := range d {
			z[k] += float64(a * v)
		}
	}
	most, sum := math.Inf(-1), 0.0
	for _, v := range z {
		most = max(most, v)
	}
	for _, v := range z {
		sum += math.Exp(v - most)
	}
	return z, most + math.Log(sum)
}

// miss is how far the fused prediction is from the large model's, compared with
// how far each expert is from the small one.
func (f *fusion) miss(at []int) float64 {
	z, norm := f.fused(at)
	to, from := 0.0, 0.0
	for k, l := range f.large {
		p := z[k] - norm
		to += float64(math.Exp(p) * (p - l))
		from += float64(math.Exp(l) * (l - p))
	}
	out := 0.0
	for t := range f.d {
		x, y := to-f.to[t], from-f.from[t]
		out += float64(x*x) + float64(y*y)
	}
	return out
}

// solve finds the weights: of one expert the best of the grid, of several one
// after the other until none moves. Of equal ones the smallest is taken.
func (f *fusion) solve() []float64 {
	for range fusionSweeps {
		moved := false
		for t := range f.d {
			best, least := 0, math.Inf(1)
			was := f.at[t]
			for f.at[t] = 0; f.at[t] <= fusionPoints; f.at[t]++ {
				if v := f.miss(f.at); v < least {
					best, least = f.at[t], v
				}
			}
			f.at[t] = best
			moved = moved || best != was
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

// nll is the negative log likelihood of a token by the fused prediction.
func (f *fusion) nll(target int32) float64 {
	z, norm := f.fused(f.at)
	return norm - z[target]
}
