package kernel

import "math"

// sums is how many float64 partial sums a reduction keeps: element i goes to
// sum i mod sums, and the sums are joined in a fixed tree. It is the same at
// every CPU level, so that the same bits come out.
const sums = 16

func join(s *[sums]float64) float64 {
	for w := sums / 2; w > 0; w /= 2 {
		for i := range w {
			s[i] += s[i+w]
		}
	}
	return s[0]
}

// wholes is how many of n elements the assembly of a reduction takes.
func wholes(n int) int {
	if body(n, 1) == 0 {
		return 0
	}
	return n &^ (sums - 1)
}

// Dot returns the sum of a*b in float64. The product of two float32 is exact
// there.
func Dot(a, b []float32) float64 {
	var s [sums]float64
	b = b[:len(a)]
	n := wholes(len(a))
	switch {
	case n == 0:
	case wide():
		dotAVX512(&a[0], &b[0], n, &s[0])
	default:
		dotAVX2(&a[0], &b[0], n, &s[0])
	}
	for i := n; i < len(a); i++ {
		s[i%sums] += float64(a[i]) * float64(b[i])
	}
	return join(&s)
}

// DotBF16 is Dot, a being little-endian bfloat16.
func DotBF16(a []byte, b []float32) float64 {
	var s [sums]float64
	a = a[:2*len(b)]
	n := wholes(len(b))
	switch {
	case n == 0:
	case wide():
		dotBF16AVX512(&a[0], &b[0], n, &s[0])
	default:
		dotBF16AVX2(&a[0], &b[0], n, &s[0])
	}
	for i := n; i < len(b); i++ {
		s[i%sums] += float64(fromBF16(a[2*i:])) * float64(b[i])
	}
	return join(&s)
}

// Sum returns the sum of x in float64.
func Sum(x []float32) float64 {
	var s [sums]float64
	n := wholes(len(x))
	switch {
	case n == 0:
	case wide():
		sumAVX512(&x[0], n, &s[0])
	default:
		sumAVX2(&x[0], n, &s[0])
	}
	for i := n; i < len(x); i++ {
		s[i%sums] += float64(x[i])
	}
	return join(&s)
}

// centred returns the sum of the squares of x-mean in float64, every difference,
// square and sum rounded.
func centred(x []float32, mean float64) float64 {
	var s [sums]float64
	n := wholes(len(x))
	switch {
	case n == 0:
	case wide():
		centredAVX512(&x[0], mean, n, &s[0])
	default:
		centredAVX2(&x[0], mean, n, &s[0])
	}
	for i := n; i < len(x); i++ {
		d := float64(x[i]) - mean
		s[i%sums] += float64(d * d)
	}
	return join(&s)
}

// Norm2 returns the sum of squares in float64.
func Norm2(a []float32) float64 { return Dot(a, a) }

// AbsSums returns the sum of all magnitudes, and of those that the mask keeps,
// in float64.
func AbsSums(x []float32, keep Mask) (all, kept float64) {
	var total, some [sums]float64
	n := wholes(len(x))
	switch {
	case n == 0:
	case wide():
		absSumsAVX512(&x[0], &keep[0], n, &total[0], &some[0])
	default:
		absSumsAVX2(&x[0], &keep[0], n, &total[0], &some[0])
	}
	for i := n; i < len(x); i++ {
		v := math.Abs(float64(x[i]))
		total[i%sums] += v
		if keep.Has(i) {
			some[i%sums] += v
		}
	}
	return join(&total), join(&some)
}

// AbsSumsBF16 is AbsSums of the differences x-less of bfloat16 numbers, with
// the same bits.
func AbsSumsBF16(x, less []byte, keep Mask) (all, kept float64) {
	var total, some [sums]float64
	less = less[:len(x)]
	n := wholes(len(x) / 2)
	switch {
	case n == 0:
	case wide():
		absSumsBF16AVX512(&x[0], &less[0], &keep[0], n, &total[0], &some[0])
	default:
		absSumsBF16AVX2(&x[0], &less[0], &keep[0], n, &total[0], &some[0])
	}
	for i := n; i < len(x)/2; i++ {
		v := math.Abs(float64(fromBF16(x[2*i:]) - fromBF16(less[2*i:])))
		total[i%sums] += v
		if keep.Has(i) {
			some[i%sums] += v
		}
	}
	return join(&total), join(&some)
}

// ColumnDots adds to xx, yy and xy the products of x and y with themselves and
// each other, column by column: a column is every element that is so many columns
// after another, len(xx) of them. x and y are of whole rows.
func ColumnDots(xx, yy, xy []float64, x, y []float32) {
	width := len(xx)
	yy, xy, y = yy[:width], xy[:width], y[:len(x)]
	n := body(width, 1)
	if len(x) < width {
		return
	}
	switch {
	case n == 0:
	case wide():
		columnDotsAVX512(&x[0], &y[0], len(x)/width, width, &xx[0], &yy[0], &xy[0], n)
	default:
		columnDotsAVX2(&x[0], &y[0], len(x)/width, width, &xx[0], &yy[0], &xy[0], n)
	}
	for at := 0; at < len(x); at += width {
		for j := n; j < width; j++ {
			u, v := float64(x[at+j]), float64(y[at+j])
			xx[j] += u * u // exact, as all products of two float32
			yy[j] += v * v
			xy[j] += u * v
		}
	}
}

// SquareSum returns the sum of the squares of what the mask keeps, in float64.
func SquareSum(x []float32, keep Mask) float64 {
	var s [sums]float64
	n := wholes(len(x))
	switch {
	case n == 0:
	case wide():
		squareSumsAVX512(&x[0], &keep[0], n, &s[0])
	default:
		squareSumsAVX2(&x[0], &keep[0], n, &s[0])
	}
	for i := n; i < len(x); i++ {
		if keep.Has(i) {
			s[i%sums] += float64(x[i]) * float64(x[i])
		}
	}
	return join(&s)
}

// CountNonFinite counts NaN and infinite elements.
func CountNonFinite(a []float32) (nan, inf int) {
	n, bad := body(len(a), 1), 0
	switch {
	case n == 0:
	case wide():
		bad, nan = countNonFiniteAVX512(&a[0], n)
	default:
		bad, nan = countNonFiniteAVX2(&a[0], n)
	}
	inf = bad - nan
	const exp = 0x7f800000
	for _, f := range a[n:] {
		if b := MagnitudeBits(f); b == exp {
			inf++
		} else if b > exp {
			nan++
		}
	}
	return nan, inf
}
