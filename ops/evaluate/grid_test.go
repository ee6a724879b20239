package evaluate

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// plainFusion is the search as the paper says it: every weight of the grid.
type plainFusion struct {
	large    []float64
	d        [][]float64
	to, from []float64
	at       []int
}

func newPlainFusion(z [][]float32, sums []float64) *plainFusion {
	n, small := len(z)-2, len(z)-1
	f := &plainFusion{large: make([]float64, len(z[0])), d: make([][]float64, n), to: make([]float64, n), from: make([]float64, n), at: make([]int, n)}
	for k, v := range z[0] {
		f.large[k] = float64(v) - sums[0]
	}
	for t := range n {
		f.d[t] = make([]float64, len(z[0]))
		for k, v := range z[t+1] {
			s := float64(z[small][k])
			f.d[t][k] = float64(v) - s
			expert, base := float64(v)-sums[t+1], s-sums[small]
			f.to[t] += float64(math.Exp(expert) * (expert - base))
			f.from[t] += float64(math.Exp(base) * (base - expert))
		}
	}
	return f
}

func (f *plainFusion) fused() ([]float64, float64) {
	z := slices.Clone(f.large)
	for t, d := range f.d {
		if f.at[t] == 0 {
			continue
		}
		a := fusionStep * float64(f.at[t])
		for k, v := range d {
			z[k] += float64(a * v)
		}
	}
	most, sum := slices.Max(z), 0.0
	for _, v := range z {
		sum += math.Exp(v - most)
	}
	return z, most + math.Log(sum)
}

func (f *plainFusion) miss() float64 {
	z, norm := f.fused()
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

func (f *plainFusion) solve() []int {
	for range fusionSweeps {
		moved := false
		for t := range f.d {
			best, least, was := 0, math.Inf(1), f.at[t]
			for f.at[t] = 0; f.at[t] <= fusionPoints; f.at[t]++ {
				if v := f.miss(); v < least {
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
	return f.at
}

// drawn is the logits of a large model, some experts and a small one; kind says
// how alike they are.
func drawn(r *rand.Rand, experts, vocab, kind int) (z [][]float32, sums []float64) {
	spread := []float64{0.1, 1, 3, 12, 0}[kind%5]
	learned := []float64{1, 0.05, 4, 0}[kind/5%4]
	base := make([]float64, vocab)
	for k := range base {
		base[k] = r.NormFloat64() * spread
	}
	row := func(far float64) {
		out := make([]float32, vocab)
		for k := range out {
			out[k] = float32(base[k] + far*r.NormFloat64())
		}
		z = append(z, out)
		sum, _ := logSum(out)
		sums = append(sums, sum)
	}
	row(1.5)
	for range experts {
		row(learned)
	}
	row(0)
	return z, sums
}

// TestGrid: weights and likelihoods have the bits of a search through the whole
// grid, whatever is left out, and rooms are used again.
func TestGrid(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for _, experts := range []int{1, 2, 3} {
		for vocab := range 40 {
			f := newFusion(experts+2, vocab+2)
			for kind := range 20 {
				z, sums := drawn(r, experts, vocab+2, kind)
				if expert, token := f.begin(z, sums); expert >= 0 {
					t.Fatal(expert, token)
				}
				f.solve()
				plain := newPlainFusion(z, sums)
				if want := plain.solve(); !slices.Equal(f.at, want) {
					t.Fatalf("%d experts, %d tokens, kind %d: weights %v, want %v", experts, vocab+2, kind, f.at, want)
				}
				for k := range z[0] {
					fused, norm := plain.fused()
					if got, want := f.nll(int32(k)), norm-fused[k]; math.Float64bits(got) != math.Float64bits(want) {
						t.Fatalf("%d experts, %d tokens, kind %d: nll %v, want %v", experts, vocab+2, kind, got, want)
					}
				}
			}
		}
	}
}

// BenchmarkFusion is one position of a vocabulary of 150,000 tokens, beside the
// search through the whole grid.
func BenchmarkFusion(b *testing.B) {
	for _, experts := range []int{1, 2} {
		z, sums := drawn(rand.New(rand.NewPCG(1, 1)), experts, 150_000, 2)
		f := newFusion(experts+2, 150_000)
		name := map[int]string{1: "one", 2: "two"}[experts]
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				f.begin(z, sums)
				f.solve()
			}
		})
		b.Run(name+"-plain", func(b *testing.B) {
			for b.Loop() {
				newPlainFusion(z, sums).solve()
			}
		})
	}
}
