package evaluate

import (
	"context"
	"math"
	"slices"

	"github.com/rouxml/roux/ops"
)

// place is what models say at one scored position, alone and together.
type place struct {
	sequence int
	nll      float64   // of the combination
	own      []float64 // of each model
	entropy  []float64 // of each model's prediction, where it is needed
	shares   []float64 // what each model weighs
}

// taken is what models say of texts.
type taken struct {
	places                 []place
	windows, length, bytes int
}

// mixes says whether the combination is a mixture of probabilities, for which
// the probability of the true token and the entropy are all that is needed of
// a model.
func (p *combine) mixes() bool { return p.How != "logits" && p.How != "dynamic" }

// read takes models over texts.
func (p *combine) read(ctx context.Context, x *ops.Trial, models []*subject, d *ops.Data) (*taken, error) {
	windows, length, err := models[0].windows(d, protocolOf(p.Protocol), 0)
	if err != nil {
		return nil, err
	}
	t := &taken{windows: len(windows), length: length}
	all, n := make([]sequence, len(windows)), 0
	for i, w := range windows {
		all[i] = w.sequence
		t.bytes += w.bytes
		n += len(w.ids) - w.from
	}
	t.places = make([]place, n)
	return t, manyLogits(ctx, x, models, all, func(at, sequence int, target int32, z [][]float32) {
		t.places[at] = p.place(sequence, target, z)
	})
}

// place reads the logits of all models at a position.
func (p *combine) place(sequence int, target int32, z [][]float32) place {
	at := place{sequence: sequence, own: make([]float64, len(z))}
	sums := make([]float64, len(z))
	for i, row := range z {
		sums[i], _ = logSum(row)
		at.own[i] = sums[i] - float64(row[target])
	}
	switch p.How {
	case "entropy", "gated":
		at.entropy = make([]float64, len(z))
		for i, row := range z {
			at.entropy[i] = entropy(row, sums[i])
		}
	case "logits":
		at.shares = p.weights()
		at.nll = product(z, at.shares, target)
	case "dynamic":
		f := newFusion(z, sums)
		at.shares = append(append([]float64{1}, f.solve()...), 0)
		at.nll = f.nll(target)
	}
	return at
}

// weights are the params' weights, of the sum 1.
func (p *combine) weights() []float64 {
	out := make([]float64, len(p.Models))
	for i, m := range p.Models {
		out[i] = m.Weight
	}
	return normalized(out)
}

func normalized(w []float64) []float64 {
	all := total(w)
	for i := range w {
		w[i] /= all
	}
	return w
}

// product is the negative log likelihood of a token by softmax(sum w z).
func product(z [][]float32, w []float64, target int32) float64 {
	mixed := make([]float32, len(z[0]))
	for i, row := range z {
		for k, v := range row {
			mixed[k] += float32(float32(w[i]) * v)
		}
	}
	sum, _ := logSum(mixed)
	return sum - float64(mixed[target])
}

// mix weighs the models at every place of a mixture and sets what comes of it.
func (p *combine) mix(t, fit *taken, seed uint64, vocab int) {
	w := p.weights()
	if fit != nil {
		w = likeliest(fit.places)
	}
	var g *gate
	if p.How == "gated" {
		g = newGate(w, vocab, seed)
		g.train(fit.places)
	}
	over := t.entropies(p.Over == "window")
	for i := range t.places {
		at := &t.places[i]
		switch p.How {
		case "entropy":
			at.shares = certain(w, over[i])
		case "gated":
			at.shares = g.shares(at.entropy)
		default:
			at.shares = w
		}
		at.nll = mixture(at.own, at.shares)
	}
}

// entropies are those that a place is weighed by: its own, or the means of all
// places of its window.
func (t *taken) entropies(window bool) [][]float64 {
	out := make([][]float64, len(t.places))
	sums, counts := make([][]float64, t.windows), make([]float64, t.windows)
	for i, at := range t.places {
		out[i] = at.entropy
		if sums[at.sequence] == nil {
			sums[at.sequence] = make([]float64, len(at.entropy))
		}
		for k, h := range at.entropy {
			sums[at.sequence][k] += h
		}
		counts[at.sequence]++
	}
	if !window {
		return out
	}
	for s, sum := range sums {
		for k := range sum {
			sum[k] /= counts[s]
		}
	}
	for i, at := range t.places {
		out[i] = sums[at.sequence]
	}
	return out
}

// certain is w_i exp(-H_i), of the sum 1 (DaWin).
func certain(w, entropy []float64) []float64 {
	out, least := make([]float64, len(w)), slices.Min(entropy)
	for i := range w {
		out[i] = w[i] * math.Exp(least-entropy[i])
	}
	if total(out) == 0 { // the models that weigh are the least certain by far
		return w
	}
	return normalized(out)
}

// entropy is that of softmax(z), whose log sum is known, in nats.
func entropy(z []float32, sum float64) float64 {
	h := 0.0
	for _, v := range z {
		l := float64(v) - sum
		h -= float64(math.Exp(l) * l)
	}
	return h
}
