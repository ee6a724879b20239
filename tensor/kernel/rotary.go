package kernel

import "math"

// Rotary embedding turns pairs of elements by angles that grow with the position
// (Su et al. 2021, arXiv:2104.09864). cos and sin have half as many elements as
// x. Every product and sum is rounded: an element is off by no more than 1.5
// units in the last place of the pair's length.

// RotaryAngles sets cos and sin to those of position*base^(-i/n), n being their
// length, computed in float64.
func RotaryAngles(cos, sin []float32, position int, base float64) {
	for i := range cos {
		s, c := math.Sincos(float64(position) * math.Pow(base, -float64(i)/float64(len(cos))))
		cos[i], sin[i] = float32(c), float32(s)
	}
}

// RotateHalf turns element i of the first half of x with element i of the
// second, as Llama's and GPT-NeoX's checkpoints for transformers want it.
func RotateHalf(x, cos, sin []float32) {
	half := len(x) / 2
	a, b, cos, sin := x[:half], x[half:2*half], cos[:half], sin[:half]
	n := body(half, 1)
	switch {
	case n == 0:
	case wide():
		rotateHalfAVX512(&a[0], &b[0], &cos[0], &sin[0], n)
	default:
		rotateHalfAVX2(&a[0], &b[0], &cos[0], &sin[0], n)
	}
	for i := n; i < half; i++ {
		a[i], b[i] = turned(a[i], b[i], cos[i], sin[i])
	}
}

// RotatePairs turns neighbours, elements 2i and 2i+1, as GPT-J and the original
// Llama have it.
func RotatePairs(x, cos, sin []float32) {
	half := len(x) / 2
	cos, sin = cos[:half], sin[:half]
	n := body(2*half, 1)
	switch {
	case n == 0:
	case wide():
		rotatePairsAVX512(&x[0], &cos[0], &sin[0], n)
	default:
		rotatePairsAVX2(&x[0], &cos[0], &sin[0], n)
	}
	for i := n / 2; i < half; i++ {
		x[2*i], x[2*i+1] = turned(x[2*i], x[2*i+1], cos[i], sin[i])
	}
}

func turned(a, b, cos, sin float32) (x, y float32) {
	return float32(a*cos) - float32(b*sin), float32(b*cos) + float32(a*sin)
}
