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
	if rows == 0 || cols == 0 {
		for i := range shrink {
			shrink[i] = 1
		}
		return
	}
	_ = s[(rows-1)*ld+cols-1]
	const some = 256
	var part [some]float32
	for from := 0; from < rows; from += some {
		n := min(some, rows-from)
		softmaxTile(s[from*ld:], ld, n, cols, most[from:], shrink[from:], part[:])
		Exp(shrink[from:from+n], shrink[from:from+n])
		for i := range n {
			sum[from+i] = float32(sum[from+i]*shrink[from+i]) + part[i]
		}
	}
}

// softmaxTile is SoftmaxStep with the differences of the greatest in place of
// what they shrink by, and the sums of the tile alone.
func softmaxTile(s []float32, ld, rows, cols int, most, drop, sum []float32) {
	switch {
	case body(cols, 1) == 0:
		softmaxTileOne(s, ld, rows, cols, most, drop, sum)
	case wide():
		softmaxStepAVX512(&s[0], ld, rows, cols, &most[0], &drop[0], &sum[0], &coefficients[0])
	default:
		softmaxStepAVX2(&s[0], ld, rows, cols, &most[0], &drop[0], &sum[0], &coefficients[0])
	}
}

func softmaxTileOne(s []float32, ld, rows, cols int, most, drop, sum []float32) {
	for i := range rows {
		row := s[i*ld : i*ld+cols]
		top := most[i]
		for _, v := range row {
			if v > top {
				top = v
			}
		}
		drop[i] = most[i] - top
		most[i] = top
		for j, v := range row {
			row[j] = exp32(v - top)
		}
		sum[i] = laneSum(row)
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
