package gemm

func f32AlongAVX512(dst []float32, width int, src []float32, ld, n, k int) {
	f32CopyAVX512(&dst[0], width, &src[0], ld, n, k)
}

func f64AlongAVX512(dst []float64, width int, src []float64, ld, n, k int) {
	f64CopyAVX512(&dst[0], width, &src[0], ld, n, k)
}

func f32AcrossAVX512(dst []float32, width int, src []float32, ld, n, k int) {
	blocks := k / 16
	if n < width || blocks == 0 {
		portableAcross(dst, width, src, ld, n, k)
		return
	}
	if width == 14 {
		f32Transpose14AVX512(&dst[0], width, &src[0], ld, blocks)
	} else {
		f32Transpose16AVX512(&dst[0], width, &src[0], ld, blocks)
		f32Transpose16AVX512(&dst[16], width, &src[16*ld], ld, blocks)
	}
	if done := blocks * 16; done < k {
		portableAcross(dst[done*width:], width, src[done:], ld, n, k-done)
	}
}

func f64AcrossAVX512(dst []float64, width int, src []float64, ld, n, k int) {
	blocks := k / 8
	if n < width || blocks == 0 {
		portableAcross(dst, width, src, ld, n, k)
		return
	}
	f64Transpose8AVX512(&dst[0], width, &src[0], ld, blocks)
	if width == 14 {
		f64Transpose6AVX512(&dst[8], width, &src[8*ld], ld, blocks)
	} else {
		f64Transpose8AVX512(&dst[8], width, &src[8*ld], ld, blocks)
	}
	if done := blocks * 8; done < k {
		portableAcross(dst[done*width:], width, src[done:], ld, n, k-done)
	}
}
