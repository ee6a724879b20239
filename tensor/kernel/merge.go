package kernel

// Delta is one model's part in a merge of task vectors.
type Delta struct {
	X       []float32 // the model less the base
	Keep    Mask      // what is kept of X; nil keeps all
	Rescale float32   // what is kept is multiplied by this, then by Weight
	Weight  float32
}

// Mix is how deltas become one.
type Mix struct {
	// Elect lets only deltas count whose sign is that of the sum of all, a zero
	// sum counting as positive (Yadav et al. 2023). Zeros never vote.
	Elect bool
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
		m.vector(out, base, deltas, total, n)
	}
	for i := n; i < len(out); i++ {
		mix := m.one(deltas, total, i)
		out[i] = base[i] + float32(mix*m.Lambda)
	}
}

// total is what a sum of deltas is divided by; a vote's is 0 where each element
// has its own and 1 where none is.
func (m Mix) total(deltas []Delta) float32 {
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

func (m Mix) vector(out, base []float32, deltas []Delta, total float32, n int) {
	xs, keeps := make([]*float32, len(deltas)), make([]*uint64, len(deltas))
	factors, scratch := make([]float32, 2*len(deltas)), make([]float32, 32*len(deltas))
	for j, d := range deltas {
		xs[j] = &d.X[:len(out)][0]
		if d.Keep != nil {
			keeps[j] = &d.Keep[:MaskWords(len(out))][0]
		}
		factors[2*j], factors[2*j+1] = d.Rescale, d.Weight
	}
	f := mergeSumAVX2
	switch {
	case m.Elect && wide():
		f = mergeVoteAVX512
	case m.Elect:
		f = mergeVoteAVX2
	case wide():
		f = mergeSumAVX512
	}
	f(&out[0], &base[:len(out)][0], &xs[0], &keeps[0], &factors[0], &scratch[0], len(deltas), total, m.Lambda, n)
}

// one is the mixed delta of element i.
func (m Mix) one(deltas []Delta, total float32, i int) float32 {
	var sum, mix, div float32
	for _, d := range deltas {
		sum += d.at(i)
	}
	if !m.Elect {
		return sum / total
	}
	for _, d := range deltas {
		if v := d.at(i); (v > 0 && sum >= 0) || (v < 0 && sum < 0) {
			mix += v
			div += d.Weight
		}
	}
	if total == 0 && div != 0 {
		mix /= div
	}
	return mix
}

func (d Delta) at(i int) float32 {
	if d.Keep != nil && !d.Keep.Has(i) {
		return 0
	}
	return float32(d.X[i]*d.Rescale) * d.Weight
}
