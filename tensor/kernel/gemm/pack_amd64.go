package gemm

// tall packs a whole panel's rows by crossing: blocks of step elements of each
// of width rows.
type tall[T float, S any] func(dst []T, width int, src []S, ld, blocks int)

// acrossBy crosses whole panels by vectors, step elements of k at a time, and
// leaves narrow panels and the rest of k to the scalar twin. Each is the
// number of S that make an element.
func acrossBy[T float, S any](step, each int, vector tall[T, S], scalar packer[T, S]) packer[T, S] {
	return func(dst []T, width int, src []S, ld, n, k int) {
		done := 0
		if blocks := k / step; n == width && blocks > 0 {
			vector(dst, width, src, ld, blocks)
			done = blocks * step
		}
		if done < k {
			scalar(dst[done*width:], width, src[done*each:], ld, n, k-done)
		}
	}
}

func f32AlongAVX512(dst []float32, width int, src []float32, ld, n, k int) {
	f32CopyAVX512(&dst[0], width, &src[0], ld, n, k)
}

func f64AlongAVX512(dst []float64, width int, src []float64, ld, n, k int) {
	f64CopyAVX512(&dst[0], width, &src[0], ld, n, k)
}

var f32AcrossAVX512 = acrossBy(16, 1, func(dst []float32, width int, src []float32, ld, blocks int) {
	if width == 14 {
		f32Transpose14AVX512(&dst[0], width, &src[0], ld, blocks)
		return
	}
	f32Transpose16AVX512(&dst[0], width, &src[0], ld, blocks)
	f32Transpose16AVX512(&dst[16], width, &src[16*ld], ld, blocks)
}, portableAcross[float32])

var f64AcrossAVX512 = acrossBy(8, 1, func(dst []float64, width int, src []float64, ld, blocks int) {
	f64Transpose8AVX512(&dst[0], width, &src[0], ld, blocks)
	if width == 14 {
		f64Transpose6AVX512(&dst[8], width, &src[8*ld], ld, blocks)
		return
	}
	f64Transpose8AVX512(&dst[8], width, &src[8*ld], ld, blocks)
}, portableAcross[float64])

func f32AlongAVX2(dst []float32, width int, src []float32, ld, n, k int) {
	switch {
	case n < width:
		portableAlong(dst, width, src, ld, n, k)
	case width == 6:
		f32Copy6AVX2(&dst[0], &src[0], ld, k)
	default:
		f32Copy16AVX2(&dst[0], &src[0], ld, k)
	}
}

func f64AlongAVX2(dst []float64, width int, src []float64, ld, n, k int) {
	switch {
	case n < width:
		portableAlong(dst, width, src, ld, n, k)
	case width == 6:
		f64Copy6AVX2(&dst[0], &src[0], ld, k)
	default:
		f64Copy8AVX2(&dst[0], &src[0], ld, k)
	}
}

var f32AcrossAVX2 = acrossBy(8, 1, func(dst []float32, width int, src []float32, ld, blocks int) {
	if width == 6 {
		f32Transpose6AVX2(&dst[0], width, &src[0], ld, blocks)
		return
	}
	f32Transpose8AVX2(&dst[0], width, &src[0], ld, blocks)
	f32Transpose8AVX2(&dst[8], width, &src[8*ld], ld, blocks)
}, portableAcross[float32])

var f64AcrossAVX2 = acrossBy(4, 1, func(dst []float64, width int, src []float64, ld, blocks int) {
	f64Transpose4AVX2(&dst[0], width, &src[0], ld, blocks)
	if width == 6 {
		f64Transpose2AVX2(&dst[4], width, &src[4*ld], ld, blocks)
		return
	}
	f64Transpose4AVX2(&dst[4], width, &src[4*ld], ld, blocks)
}, portableAcross[float64])
