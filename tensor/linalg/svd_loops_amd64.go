package linalg

import "github.com/rouxml/roux/tensor/kernel/cpu"

// dot4 sets out[r] to row r times x.
func dot4(out *[4]float64, a []float64, lda int, x []float64) {
	if len(x) == 0 {
		*out = [4]float64{}
		return
	}
	_ = a[3*lda+len(x)-1]
	switch cpu.Active() {
	case cpu.AVX512:
		dot4AVX512(nil, &a[0], lda, len(x), &x[0], nil, &out[0])
	case cpu.AVX2:
		dot4AVX2(nil, &a[0], lda, len(x), &x[0], nil, &out[0])
	default:
		dot4Go(out, a, lda, x)
	}
}

// add4 adds c[r] times row r to y.
func add4(y, a []float64, lda int, c *[4]float64) {
	if len(y) == 0 {
		return
	}
	_ = a[3*lda+len(y)-1]
	switch cpu.Active() {
	case cpu.AVX512:
		add4AVX512(&y[0], &a[0], lda, len(y), nil, &c[0], nil)
	case cpu.AVX2:
		add4AVX2(&y[0], &a[0], lda, len(y), nil, &c[0], nil)
	default:
		add4Go(y, a, lda, c)
	}
}

// symv4 is dot4 and add4 of the same rows, which it reads once.
func symv4(y, a []float64, lda int, x []float64, c, out *[4]float64) {
	if len(x) == 0 {
		*out = [4]float64{}
		return
	}
	_, _ = a[3*lda+len(x)-1], y[len(x)-1]
	switch cpu.Active() {
	case cpu.AVX512:
		symv4AVX512(&y[0], &a[0], lda, len(x), &x[0], &c[0], &out[0])
	case cpu.AVX2:
		symv4AVX2(&y[0], &a[0], lda, len(x), &x[0], &c[0], &out[0])
	default:
		symv4Go(y, a, lda, x, c, out)
	}
}

// rotate replaces x by c*x + s*y and y by c*y - s*x.
func rotate(x, y []float64, c, s float64) {
	if len(x) == 0 {
		return
	}
	_ = y[len(x)-1]
	switch cpu.Active() {
	case cpu.AVX512:
		rotateAVX512(&x[0], &y[0], len(x), c, s)
	case cpu.AVX2:
		rotateAVX2(&x[0], &y[0], len(x), c, s)
	default:
		rotateGo(x, y, c, s)
	}
}

// dot is the product of a and x.
func dot(a, x []float64) (s float64) {
	if len(x) == 0 {
		return 0
	}
	_ = a[len(x)-1]
	switch cpu.Active() {
	case cpu.AVX512:
		dot1AVX512(nil, &a[0], 0, len(x), &x[0], nil, &s)
	case cpu.AVX2:
		dot1AVX2(nil, &a[0], 0, len(x), &x[0], nil, &s)
	default:
		s = dotGo(a, x)
	}
	return s
}

// axpy adds c times a to y.
func axpy(y, a []float64, c float64) {
	if len(y) == 0 {
		return
	}
	_ = a[len(y)-1]
	switch cpu.Active() {
	case cpu.AVX512:
		add1AVX512(&y[0], &a[0], 0, len(y), nil, &c, nil)
	case cpu.AVX2:
		add1AVX2(&y[0], &a[0], 0, len(y), nil, &c, nil)
	default:
		axpyGo(y, a, c)
	}
}

// secularSums is the sum of w/(gap-mu) and the sum of w/(gap-mu)^2.
func secularSums(gap, w []float64, mu float64) (sum, slope float64) {
	if len(gap) == 0 {
		return 0, 0
	}
	_ = w[len(gap)-1]
	var out [2]float64
	switch cpu.Active() {
	case cpu.AVX512:
		secularSumsAVX512(&gap[0], &w[0], len(gap), mu, &out[0])
	case cpu.AVX2:
		secularSumsAVX2(&gap[0], &w[0], len(gap), mu, &out[0])
	default:
		return secularSumsGo(gap, w, mu)
	}
	return out[0], out[1]
}
