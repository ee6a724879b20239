package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/rouxml/roux/tensor/kernel/cpu"
)

// TestKthMagnitude holds the selection to sorting: smooth numbers, sorted ones,
// few different ones, all equal, all bits; and so the histograms that stand in for
// a bracket that misses.
func TestKthMagnitude(t *testing.T) {
	kinds := map[string]func(r *rand.Rand, i int) float32{
		"normal": func(r *rand.Rand, _ int) float32 { return float32(r.NormFloat64()) },
		"rising": func(_ *rand.Rand, i int) float32 { return float32(i) },
		"coarse": func(r *rand.Rand, _ int) float32 { return float32(r.IntN(7) - 3) },
		"equal":  func(*rand.Rand, int) float32 { return 0.1 },
		"bits":   func(r *rand.Rand, _ int) float32 { return math.Float32frombits(r.Uint32()) },
		"waves":  func(_ *rand.Rand, i int) float32 { return float32(math.Sin(float64(i) / 4096)) },
	}
	for name, kind := range kinds {
		r := rand.New(rand.NewPCG(1, 2))
		for _, n := range []int{1, 5, 1000, 200_001} {
			x, sorted := make([]float32, n+1)[1:], make([]uint32, n)
			for i := range x {
				x[i] = kind(r, i)
				sorted[i] = MagnitudeBits(x[i])
			}
			slices.Sort(sorted)
			slices.Reverse(sorted)
			for _, k := range []int{1, n / 1000, n / 3, n/2 + 1, n - 1, n} {
				k = max(k, 1)
				want := sorted[k-1]
				first := slices.Index(sorted, want)
				if bits, ties, ok := thresholdOfAll(x, k); bits != want || ties != k-first || !ok {
					t.Errorf("%s, %d of %d in a bracket of everything: %#x and %d ties, want %#x and %d", name, k, n, bits, ties, want, k-first)
				}
				if bits, ties := kthByHistograms(x, k); bits != want || ties != k-first {
					t.Errorf("%s, %d of %d by histograms: %#x and %d ties, want %#x and %d", name, k, n, bits, ties, want, k-first)
				}
				for _, level := range cpu.Levels() {
					restore := cpu.Force(level)
					for workers := range 4 {
						if bits, ties := KthMagnitude(x, k, workers); bits != want || ties != k-first {
							t.Errorf("%s, %d of %d by %d on %s: %#x and %d ties, want %#x and %d", name, k, n, workers, level, bits, ties, want, k-first)
						}
					}
					restore()
				}
			}
		}
	}
}

// thresholdOfAll copies everything out, so that all depends on what is found
// among the copies.
func thresholdOfAll(x []float32, k int) (bits uint32, ties int, ok bool) {
	all := Bracket{Lo: -1, Hi: math.MaxInt32}
	tallies := make([]Tally, (len(x)+kthPart-1)/kthPart)
	for i := range tallies {
		part := x[i*kthPart : min((i+1)*kthPart, len(x))]
		tallies[i] = all.Tally(part, make([]uint32, len(part)+16))
	}
	return all.Threshold(tallies, k)
}
