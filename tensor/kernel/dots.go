package kernel

// Products is those of two vectors with themselves and each other, in float64,
// each as Dot has it.
type Products struct{ AA, BB, AB float64 }

// three is the partial sums of Products.
type three [3][sums]float64

func (s *three) add(i int, a, b float32) {
	x, y := float64(a), float64(b)
	s[0][i%sums] += x * x // exact, as all products of two float32
	s[1][i%sums] += y * y
	s[2][i%sums] += x * y
}

func (s *three) join() Products { return Products{join(&s[0]), join(&s[1]), join(&s[2])} }

// Dots returns the products of a and b.
func Dots(a, b []float32) Products {
	var s three
	b = b[:len(a)]
	n := wholes(len(a))
	switch {
	case n == 0:
	case wide():
		dotsAVX512(&a[0], &b[0], n, &s[0][0])
	default:
		dotsAVX2(&a[0], &b[0], n, &s[0][0])
	}
	for i := n; i < len(a); i++ {
		s.add(i, a[i], b[i])
	}
	return s.join()
}

// DotsBF16 is Dots of little-endian bfloat16.
func DotsBF16(a, b []byte) Products {
	var s three
	b = b[:len(a)]
	n := wholes(len(a) / 2)
	switch {
	case n == 0:
	case wide():
		dotsBF16AVX512(&a[0], &b[0], n, &s[0][0])
	default:
		dotsBF16AVX2(&a[0], &b[0], n, &s[0][0])
	}
	for i := n; i < len(a)/2; i++ {
		s.add(i, fromBF16(a[2*i:]), fromBF16(b[2*i:]))
	}
	return s.join()
}

// DotsLessBF16 is Dots of a-less and b-less, all little-endian bfloat16.
func DotsLessBF16(a, b, less []byte) Products {
	var s three
	b, less = b[:len(a)], less[:len(a)]
	n := wholes(len(a) / 2)
	switch {
	case n == 0:
	case wide():
		dotsLessBF16AVX512(&a[0], &b[0], &less[0], n, &s[0][0])
	default:
		dotsLessBF16AVX2(&a[0], &b[0], &less[0], n, &s[0][0])
	}
	for i := n; i < len(a)/2; i++ {
		base := fromBF16(less[2*i:])
		s.add(i, fromBF16(a[2*i:])-base, fromBF16(b[2*i:])-base)
	}
	return s.join()
}
