package kernel

// Elect adds to mix and div what TIES lets through (Yadav et al. 2023): the
// elements of x whose sign is that of the sum, a zero sum counting as
// positive; zeros of x never vote. w is the model's weight.
func Elect(mix, div []float32, sum, x []float32, w float32) {
	div, sum, x = div[:len(mix)], sum[:len(mix)], x[:len(mix)]
	for i := range mix {
		v := x[i]
		if (v > 0 && sum[i] >= 0) || (v < 0 && sum[i] < 0) {
			mix[i] += v
			div[i] += w
		}
	}
}

// DivideVotes divides mix by div where div is not zero.
func DivideVotes(mix, div []float32) {
	div = div[:len(mix)]
	for i, d := range div {
		if d != 0 {
			mix[i] /= d
		}
	}
}
