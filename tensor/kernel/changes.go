package kernel

// Reinforce sets out to the base and what models changed of it. A delta, the
// model less the base, counts as a change where its magnitude bits are above the
// bound. One model's change alone is multiplied by the model's factor; several
// are averaged. Every product and sum is rounded; there is at least one delta.
func Reinforce(out, base []float32, deltas [][]float32, factors []float32, bound uint32) {
	n := body(len(out), 1)
	if n > 0 {
		from, factor := pointers(deltas, len(out)), &factors[:len(deltas)][0]
		if wide() {
			reinforceAVX512(&out[0], &base[:len(out)][0], &from[0], factor, len(deltas), int32(bound), n)
		} else {
			reinforceAVX2(&out[0], &base[:len(out)][0], &from[0], factor, len(deltas), int32(bound), n)
		}
	}
	for i := n; i < len(out); i++ {
		out[i] = reinforced(base[i], len(deltas), func(j int) float32 { return deltas[j][i] }, factors, bound)
	}
}

// ReinforceBF16 is Reinforce of a base and models in little-endian bfloat16.
func ReinforceBF16(out []float32, base []byte, models [][]byte, factors []float32, bound uint32) {
	n := body(len(out), 1)
	if n > 0 {
		from, factor := rawPointers(models, 0, len(out)), &factors[:len(models)][0]
		if wide() {
			reinforceBF16AVX512(&out[0], &base[:2*len(out)][0], &from[0], factor, len(models), int32(bound), n)
		} else {
			reinforceBF16AVX2(&out[0], &base[:2*len(out)][0], &from[0], factor, len(models), int32(bound), n)
		}
	}
	for i := n; i < len(out); i++ {
		b := fromBF16(base[2*i:])
		out[i] = reinforced(b, len(models), func(j int) float32 { return fromBF16(models[j][2*i:]) - b }, factors, bound)
	}
}

func reinforced(base float32, models int, delta func(j int) float32, factors []float32, bound uint32) float32 {
	var sum, raised, count float32
	for j := range models {
		if d := delta(j); MagnitudeBits(d) > bound {
			sum += d
			raised += float32(d * factors[j])
			count++
		}
	}
	if count == 1 {
		return base + raised
	}
	return base + sum/max(count, 1)
}

// Variance sets out to the variance of the deltas in each element, over so many
// as there are, one at least. It is taken around the first in float64, so that of
// equal deltas it is zero, and rounded.
func Variance(out []float32, deltas [][]float32) {
	n, inverse := body(len(out), 1), 1/float64(len(deltas))
	if n > 0 {
		from := pointers(deltas, len(out))
		if wide() {
			varianceAVX512(&out[0], nil, &from[0], len(deltas), inverse, n)
		} else {
			varianceAVX2(&out[0], nil, &from[0], len(deltas), inverse, n)
		}
	}
	for i := n; i < len(out); i++ {
		out[i] = variance(len(deltas), func(j int) float32 { return deltas[j][i] }, inverse)
	}
}

// VarianceBF16 is Variance of models less a base, all in little-endian bfloat16.
func VarianceBF16(out []float32, base []byte, models [][]byte) {
	n, inverse := body(len(out), 1), 1/float64(len(models))
	if n > 0 {
		from := rawPointers(models, 0, len(out))
		if wide() {
			varianceBF16AVX512(&out[0], &base[:2*len(out)][0], &from[0], len(models), inverse, n)
		} else {
			varianceBF16AVX2(&out[0], &base[:2*len(out)][0], &from[0], len(models), inverse, n)
		}
	}
	for i := n; i < len(out); i++ {
		b := fromBF16(base[2*i:])
		out[i] = variance(len(models), func(j int) float32 { return fromBF16(models[j][2*i:]) - b }, inverse)
	}
}

func variance(models int, delta func(j int) float32, inverse float64) float32 {
	var sum, square float64
	first := float64(delta(0))
	for j := 1; j < models; j++ {
		d := float64(delta(j)) - first
		sum += d
		square += float64(d * d)
	}
	return float32(float64(square-float64(float64(sum*sum)*inverse)) * inverse)
}
