package kernel

import "math"

// vector is how many of n elements the assembly takes, in steps; the rest are
// for its scalar twin, which also runs where there is no assembly. Conversions
// to float32 keep a compiler from fusing a product into a sum.
func vector(n, step int) int {
	if !simd {
		return 0
	}
	return n - n%step
}

// Axpy adds w*x to dst, element by element, in two roundings.
func Axpy(dst []float32, w float32, x []float32) {
	x = x[:len(dst)]
	n := vector(len(dst), 8)
	if n > 0 {
		axpy(&dst[0], w, &x[0], n)
	}
	for i := n; i < len(dst); i++ {
		dst[i] += float32(w * x[i])
	}
}

// ScaleTo sets dst to w*x.
func ScaleTo(dst []float32, w float32, x []float32) {
	x = x[:len(dst)]
	n := vector(len(dst), 8)
	if n > 0 {
		scaleTo(&dst[0], w, &x[0], n)
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
	n := vector(len(dst), 8)
	if n > 0 {
		sub(&dst[0], &a[0], &b[0], n)
	}
	for i := n; i < len(dst); i++ {
		dst[i] = a[i] - b[i]
	}
}

// Add adds a to dst.
func Add(dst, a []float32) {
	a = a[:len(dst)]
	n := vector(len(dst), 8)
	if n > 0 {
		add(&dst[0], &a[0], n)
	}
	for i := n; i < len(dst); i++ {
		dst[i] += a[i]
	}
}

// Lerp2 sets dst to wa*a + wb*b, in three roundings.
func Lerp2(dst []float32, wa float32, a []float32, wb float32, b []float32) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = float32(wa*a[i]) + float32(wb*b[i])
	}
}

// lanes is how many partial sums a reduction keeps: element i goes to sum
// i mod lanes, and the sums are joined in order.
const lanes = 8

// Dot returns the sum of a*b in float64.
func Dot(a, b []float32) float64 {
	var s [lanes]float64
	b = b[:len(a)]
	n := len(a) &^ (lanes - 1)
	for i := 0; i < n; i += lanes {
		x, y := a[i:i+lanes:i+lanes], b[i:i+lanes:i+lanes]
		for l := range s {
			s[l] += float64(x[l]) * float64(y[l])
		}
	}
	for i := n; i < len(a); i++ {
		s[i-n] += float64(a[i]) * float64(b[i])
	}
	return join(s)
}

func join(s [lanes]float64) float64 {
	return ((s[0] + s[4]) + (s[1] + s[5])) + ((s[2] + s[6]) + (s[3] + s[7]))
}

// Norm2 returns the sum of squares in float64.
func Norm2(a []float32) float64 { return Dot(a, a) }

// AbsSum returns the sum of magnitudes in float64.
func AbsSum(a []float32) float64 {
	var s [lanes]float64
	n := len(a) &^ (lanes - 1)
	for i := 0; i < n; i += lanes {
		x := a[i : i+lanes : i+lanes]
		for l := range s {
			s[l] += math.Abs(float64(x[l]))
		}
	}
	for i := n; i < len(a); i++ {
		s[i-n] += math.Abs(float64(a[i]))
	}
	return join(s)
}

// CountNonFinite counts NaN and infinite elements.
func CountNonFinite(a []float32) (nan, inf int) {
	const exp = 0x7f800000
	for _, f := range a {
		if b := math.Float32bits(f) & 0x7fffffff; b >= exp {
			if b == exp {
				inf++
			} else {
				nan++
			}
		}
	}
	return nan, inf
}
