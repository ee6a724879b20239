package kernel

// Conversions to float32 keep a compiler from fusing a product into a sum, so
// that every machine rounds twice.

// Axpy adds w*x to dst, element by element, in two roundings.
func Axpy(dst []float32, w float32, x []float32) {
	x = x[:len(dst)]
	n := body(len(dst), 1)
	switch {
	case n == 0:
	case wide():
		axpyAVX512(&dst[0], w, &x[0], n)
	default:
		axpyAVX2(&dst[0], w, &x[0], n)
	}
	for i := n; i < len(dst); i++ {
		dst[i] += float32(w * x[i])
	}
}

// ScaleTo sets dst to w*x.
func ScaleTo(dst []float32, w float32, x []float32) {
	x = x[:len(dst)]
	n := body(len(dst), 1)
	switch {
	case n == 0:
	case wide():
		scaleToAVX512(&dst[0], w, &x[0], n)
	default:
		scaleToAVX2(&dst[0], w, &x[0], n)
	}
	for i := n; i < len(dst); i++ {
		dst[i] = w * x[i]
	}
}

// Scale multiplies dst by w.
func Scale(dst []float32, w float32) { ScaleTo(dst, w, dst) }

// Sub sets dst to a-b.
func Sub(dst, a, b []float32) {
	a, b = a[:len(dst)], b[:len(dst)]
	n := body(len(dst), 1)
	switch {
	case n == 0:
	case wide():
		subAVX512(&dst[0], &a[0], &b[0], n)
	default:
		subAVX2(&dst[0], &a[0], &b[0], n)
	}
	for i := n; i < len(dst); i++ {
		dst[i] = a[i] - b[i]
	}
}

// SubBF16 sets dst to a-b, both little-endian bfloat16, in float32.
func SubBF16(dst []float32, a, b []byte) {
	a, b = a[:2*len(dst)], b[:2*len(dst)]
	n := body(len(dst), 2)
	switch {
	case n == 0:
	case wide():
		subBF16AVX512(&dst[0], &a[0], &b[0], n)
	default:
		subBF16AVX2(&dst[0], &a[0], &b[0], n)
	}
	for i := n; i < len(dst); i++ {
		dst[i] = fromBF16(a[2*i:]) - fromBF16(b[2*i:])
	}
}

// Add adds a to dst.
func Add(dst, a []float32) {
	a = a[:len(dst)]
	n := body(len(dst), 1)
	switch {
	case n == 0:
	case wide():
		addAVX512(&dst[0], &a[0], n)
	default:
		addAVX2(&dst[0], &a[0], n)
	}
	for i := n; i < len(dst); i++ {
		dst[i] += a[i]
	}
}

// Lerp2 sets dst to wa*a + wb*b, in three roundings.
func Lerp2(dst []float32, wa float32, a []float32, wb float32, b []float32) {
	a, b = a[:len(dst)], b[:len(dst)]
	n := body(len(dst), 1)
	switch {
	case n == 0:
	case wide():
		lerp2AVX512(&dst[0], wa, &a[0], wb, &b[0], n)
	default:
		lerp2AVX2(&dst[0], wa, &a[0], wb, &b[0], n)
	}
	for i := n; i < len(dst); i++ {
		dst[i] = float32(wa*a[i]) + float32(wb*b[i])
	}
}

// LinearSum sets dst to the sum of w[j]*xs[j], in the order of j, divided by
// total; there is at least one x. A total of 1 divides nothing.
func LinearSum(dst []float32, w []float32, xs [][]float32, total float32) {
	n := body(len(dst), 1)
	if n > 0 {
		from := pointers(xs, len(dst))
		if wide() {
			linearSumAVX512(&dst[0], &from[0], &w[0], len(xs), total, n)
		} else {
			linearSumAVX2(&dst[0], &from[0], &w[0], len(xs), total, n)
		}
	}
	for i := n; i < len(dst); i++ {
		sum := w[0] * xs[0][i]
		for j := 1; j < len(xs); j++ {
			sum += float32(w[j] * xs[j][i])
		}
		dst[i] = sum / total
	}
}

// pointers is where every x begins; each must have n elements, one at least.
func pointers(xs [][]float32, n int) []*float32 {
	from := make([]*float32, len(xs))
	for j, x := range xs {
		from[j] = &x[:n][0]
	}
	return from
}
