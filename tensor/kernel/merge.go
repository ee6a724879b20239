package kernel

import "math"

// Delta is one model's part in a merge of task vectors.
type Delta struct {
	X       []float32 // the model less the base; nil where Raw says it
	Raw     []byte    // the model itself, in bfloat16
	Above   int32     // magnitude bits above which elements count; -1 lets all
	Upto    int32     // and up to which; 0 lets all
	Keep    Mask      // and which of them are kept; nil keeps all
	Rescale float32   // what is kept is multiplied by this, then by Weight
	Weight  float32
}

// Mix is how deltas become one.
type Mix struct {
	// Elect lets only deltas count whose sign is that of the sum of all, a zero
	// sum counting as positive (Yadav et al. 2023). Zeros never vote.
	Elect bool
	// Unweighed, with Elect, takes that sum of the deltas without their weights,
	// and divides by the weights of those that counted, or by 1e-6 if that is more
	// (Wan et al. 2024).
	Unweighed bool
	// Normalize divides by the sum of the weights: of all deltas, or with Elect
	// of those that counted in the element.
	Normalize bool
	Lambda    float32 // factor of the mixed delta
}

// Into sets out to base + lambda*mix, every product and sum rounded. There is
// at least one delta.
func (m Mix) Into(out, base []float32, deltas []Delta) {
	total := m.total(deltas)
	n := body(len(out), 2)
	if n > 0 {
		xs := make([]*float32, len(deltas))
		for j, d := range deltas {
			xs[j] = &d.X[:len(out)][0]
		}
		a := gather(deltas, len(out))
		m.float(len(deltas))(&out[0], &base[:len(out)][0], &xs[0], &a.keeps[0], &a.bounds[0], &a.factors[0], &a.scratch[0], len(deltas), total, m.Lambda, n)
	}
	for i := n; i < len(out); i++ {
		out[i] = m.one(deltas, total, base[i], i)
	}
}

// IntoRaw is Into for a base and deltas in bfloat16, from all of which the base
// is still to be taken.
func (m Mix) IntoRaw(out []float32, base []byte, deltas []Delta) {
	total := m.total(deltas)
	n := body(len(out), 2)
	if n > 0 {
		xs := make([]*byte, len(deltas))
		for j, d := range deltas {
			xs[j] = &d.Raw[:2*len(out)][0]
		}
		a := gather(deltas, len(out))
		m.raw(len(deltas))(&out[0], &base[:2*len(out)][0], &xs[0], &a.keeps[0], &a.bounds[0], &a.factors[0], &a.scratch[0], len(deltas), total, m.Lambda, n)
	}
	for i := n; i < len(out); i++ {
		out[i] = m.one(deltas, total, fromBF16(base[2*i:]), i)
	}
}

func (m Mix) float(models int) func(out, base *float32, xs **float32, keeps **uint64, bounds *int32, factors, scratch *float32, m int, total, lambda float32, n int) {
	switch {
	case m.Unweighed && wide():
		return mergeElectAVX512
	case m.Unweighed:
		return mergeElectAVX2
	case m.Elect && wide() && models == 2:
		return mergeVote2AVX512
	case m.Elect && wide():
		return mergeVoteAVX512
	case m.Elect:
		return mergeVoteAVX2
	case wide():
		return mergeSumAVX512
	}
	return mergeSumAVX2
}

func (m Mix) raw(models int) func(out *float32, base *byte, xs **byte, keeps **uint64, bounds *int32, factors, scratch *float32, m int, total, lambda float32, n int) {
	switch {
	case m.Unweighed && wide():
		return mergeElectBF16AVX512
	case m.Unweighed:
		return mergeElectBF16AVX2
	case m.Elect && wide() && models == 2:
		return mergeVote2BF16AVX512
	case m.Elect && wide():
		return mergeVoteBF16AVX512
	case m.Elect:
		return mergeVoteBF16AVX2
	case wide():
		return mergeSumBF16AVX512
	}
	return mergeSumBF16AVX2
}

// gathered is what the assembly wants to know of the deltas.
type gathered struct {
	keeps            []*uint64
	bounds           []int32 // pairs
	factors, scratch []float32
}

func gather(deltas []Delta, n int) gathered {
	a := gathered{make([]*uint64, len(deltas)), make([]int32, 2*len(deltas)), make([]float32, 2*len(deltas)), make([]float32, 32*len(deltas))}
	for j, d := range deltas {
		if d.Keep != nil {
			a.keeps[j] = &d.Keep[:MaskWords(n)][0]
		}
		a.bounds[2*j], a.bounds[2*j+1] = d.Above, d.upto()
		a.factors[2*j], a.factors[2*j+1] = d.Rescale, d.Weight
	}
	return a
}

// total is what a sum of deltas is divided by; a vote's is 0 where each element
// has its own and 1 where none is.
func (m Mix) total(deltas []Delta) float32 {
	if m.Unweighed {
		return 1e-6
	}
	if m.Elect && m.Normalize {
		return 0
	}
	if m.Elect || !m.Normalize {
		return 1
	}
	var total float32
	for _, d := range deltas {
		total += d.Weight
	}
	if total < 1e-8 && total > -1e-8 {
		return 1
	}
	return total
}

// one is element i of the result.
func (m Mix) one(deltas []Delta, total, base float32, i int) float32 {
	var sum, mix, div float32
	for _, d := range deltas {
		if m.Unweighed {
			sum += d.raw(base, i)
		} else {
			sum += d.at(base, i)
		}
	}
	if !m.Elect {
		return base + float32(sum/total*m.Lambda)
	}
	for _, d := range deltas {
		if v := d.at(base, i); (v > 0 && sum >= 0) || (v < 0 && sum < 0) {
			mix += v
			div += d.Weight
		}
	}
	switch {
	case m.Unweighed:
		mix /= max(div, total)
	case total == 0 && div != 0:
		mix /= div
	}
	return base + float32(mix*m.Lambda)
}

// at is the weighed element i.
func (d Delta) at(base float32, i int) float32 {
	return float32(d.raw(base, i)*d.Rescale) * d.Weight
}

// raw is element i where it counts, and zero elsewhere.
func (d Delta) raw(base float32, i int) float32 {
	var x float32
	if d.X != nil {
		x = d.X[i]
	} else {
		x = fromBF16(d.Raw[2*i:]) - base
	}
	if b := int32(MagnitudeBits(x)); b <= d.Above || b > d.upto() || (d.Keep != nil && !d.Keep.Has(i)) {
		return 0
	}
	return x
}

func (d Delta) upto() int32 {
	if d.Upto == 0 {
		return math.MaxInt32
	}
	return d.Upto
}
