package evaluate

import (
	"math"
	"slices"

	"github.com/rouxml/roux/tensor/rng"
)

// resamples is how often a bootstrap draws; it is part of a protocol.
const resamples = 2000

// interval is the middle 95 % of the ratio sum(x)/sum(w) over resampled items
// (the percentile bootstrap of Efron, 1979). Items go in pairs: x is what two
// models differ by on one of them. The draws depend on the seed and the name.
func interval(seed uint64, name string, x, w []float64) (low, high float64) {
	key := rng.NewKey(seed, "evaluate", name, "", "bootstrap")
	n := len(x)
	ratios := make([]float64, resamples)
	for b := range ratios {
		sum, weight := 0.0, 0.0
		for i := range n {
			j := int(uint64(key.Word(b*n+i)) * uint64(n) >> 32)
			sum, weight = sum+x[j], weight+w[j]
		}
		ratios[b] = sum / weight
	}
	slices.Sort(ratios)
	return quantile(ratios, 0.025), quantile(ratios, 0.975)
}

// quantile is linear between the order statistics of sorted numbers.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

// total adds in order.
func total(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum
}

// spread is the standard error of a mean, from n numbers' sum and sum of squares.
func spread(sum, squares float64, n int) float64 {
	if n < 2 {
		return 0
	}
	mean := sum / float64(n)
	return math.Sqrt(max(squares/float64(n)-float64(mean*mean), 0) / float64(n-1))
}
