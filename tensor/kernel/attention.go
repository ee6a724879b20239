package kernel

// Mul multiplies dst by a, element by element.
func Mul(dst, a []float32) { scaled(dst, dst, 1, a) }

// ExpFrom sets dst to exp(x-shift), the difference rounded; dst may be x.
func ExpFrom(dst, x []float32, shift float32) { shiftedExp(dst, x, shift) }

// SoftmaxStep takes one more tile of scores into a running softmax, row by row
// (Milakov and Gimelshein 2018, arXiv:1805.02867). The tile has so many rows of
// cols scores, ld apart; cols is a multiple of 16. A row's greatest score so far
// is in most, which begins as -MaxFloat32 and not below; the scores become their
// exponentials from there; shrink is what earlier exponentials have to be
// multiplied by; and sum is their sum, brought up to date: 16 partial sums by
// index, added by halves. A NaN among the scores makes the sum NaN.
func SoftmaxStep(s []float32, ld, rows, cols int, most, sum, shrink []float32) {
	most, sum, shrink = most[:rows], sum[:rows], shrink[:rows]
	for i := range rows {
		row := s[i*ld : i*ld+cols]
		_, top := MinMax(row)
		top = max(top, most[i])
		shrink[i] = exp32(most[i] - top)
		most[i] = top
		shiftedExp(row, row, top)
		sum[i] = float32(sum[i]*shrink[i]) + laneSum(row)
	}
}

// laneSum adds 16 partial sums by halves.
func laneSum(x []float32) float32 {
	var lanes [16]float32
	for ; len(x) >= 16; x = x[16:] {
		for i := range lanes {
			lanes[i] += x[i]
		}
	}
	for n := 8; n > 0; n /= 2 {
		for i := range n {
			lanes[i] += lanes[i+n]
		}
	}
	return lanes[0]
}
