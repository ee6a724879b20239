package gemm

// tall packs a whole panel's rows by crossing: blocks of step elements of each
// of width rows.
type tall[T float, S any] func(dst []T, width int, src []S, ld, blocks int)

// acrossBy crosses whole panels by vectors, step elements of k at a time, and
// leaves partial and lower panels and the rest of k to the scalar twin. Each is the
// number of S that make an element.
func acrossBy[T float, S any](step, each int, vector tall[T, S], scalar packer[T, S]) packer[T, S] {
	return func(dst []T, width int, src []S, ld, n, k int) {
		done := 0
		if blocks := k / step; n == width && width >= 6 && blocks > 0 {
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

// acrossAVX512 crosses lanes rows at a time: by full where there are as many
// rows and elements, by edge where there are fewer. Each is the number of S
// that make an element.
func acrossAVX512[T float, S any](lanes, each int, full func(dst *T, width int, src *S, ld, blocks int), edge func(dst *T, width, lanes int, src *S, ld, rows, k int)) packer[T, S] {
	return func(dst []T, width int, src []S, ld, n, k int) {
		for at := 0; at < width; at += lanes {
			rows, done := min(lanes, max(0, n-at)), 0
			if rows == lanes {
				done = k / lanes * lanes
			}
			if done > 0 {
				full(&dst[at], width, &src[each*at*ld], ld, done/lanes)
			}
			if done < k {
				from := 0 // never read when there are no rows
				if rows > 0 {
					from = each * (at*ld + done)
				}
				edge(&dst[done*width+at], width, width-at, &src[from], ld, rows, k-done)
			}
		}
	}
}

var (
	f32AcrossAVX512 = acrossAVX512(16, 1, f32Transpose16AVX512, f32EdgeAVX512)
	f64AcrossAVX512 = acrossAVX512(8, 1, f64Transpose8AVX512, f64EdgeAVX512)
)

func f32AlongAVX2(dst []float32, width int, src []float32, ld, n, k int) {
	switch {
	case n < width || width < 6:
		portableAlong(dst, width, src, ld, n, k)
	case width == 6:
		f32Copy6AVX2(&dst[0], &src[0], ld, k)
	default:
		f32Copy16AVX2(&dst[0], &src[0], ld, k)
	}
}

func f64AlongAVX2(dst []float64, width int, src []float64, ld, n, k int) {
	switch {
	case n < width || width < 6:
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
