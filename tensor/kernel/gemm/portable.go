package gemm

// portableKit is the kit in plain Go.
func portableKit[T float](kc int) *kit[T] {
	return &kit[T]{
		mr: 4, nr: 4, kc: kc, mc: 128, nc: 2048, shared: 1 << 21,
		tile: portableTile[T], along: portableAlong[T], across: portableAcross[T],
	}
}

func portableF32(kc int) *kit[float32] {
	t := portableKit[float32](kc)
	t.gram = portableGram
	return t
}

// portableSum multiplies kc steps of a packed A and B.
func portableSum[T float](kc int, a, b *T) (acc [16]T) {
	as, bs := span(a, 4*kc), span(b, 4*kc)
	for len(as) >= 4 && len(bs) >= 4 {
		b0, b1, b2, b3 := bs[0], bs[1], bs[2], bs[3]
		for i, x := range as[:4] {
			r := acc[i*4 : i*4+4 : i*4+4]
			r[0] += x * b0
			r[1] += x * b1
			r[2] += x * b2
			r[3] += x * b3
		}
		as, bs = as[4:], bs[4:]
	}
	return acc
}

func portableTile[T float](kc int, a, b, c *T, ldc int, alpha, beta T, rows, cols int) {
	acc := portableSum(kc, a, b)
	out := span(c, (rows-1)*ldc+cols)
	for i := range rows {
		for j := range cols {
			at := &out[i*ldc+j]
			if beta == 0 {
				*at = alpha * acc[i*4+j]
			} else {
				*at = T(alpha*acc[i*4+j]) + T(beta**at) //nolint:unconvert // rounds every product, as a row loop does
			}
		}
	}
}

func portableGram(kc int, a, b *float32, c *float64, ldc, rows, cols int) {
	as, bs, out := span(a, 4*kc), span(b, 4*kc), span(c, (rows-1)*ldc+cols)
	for p := 0; p < kc; p += gramBlock {
		acc := portableSum(min(gramBlock, kc-p), &as[4*p], &bs[4*p])
		for i := range rows {
			for j := range cols {
				out[i*ldc+j] += float64(acc[i*4+j])
			}
		}
	}
}

func portableAlong[T float](dst []T, width int, src []T, ld, n, k int) {
	for p := range k {
		row := dst[p*width : (p+1)*width]
		copy(row, src[p*ld:p*ld+n])
		clear(row[n:])
	}
}

func portableAcross[T float](dst []T, width int, src []T, ld, n, k int) {
	for i := range width {
		if i < n {
			for p, v := range src[i*ld : i*ld+k] {
				dst[p*width+i] = v
			}
			continue
		}
		for p := range k {
			dst[p*width+i] = 0
		}
	}
}
