package evaluate

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"

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
	within, err := afford(x, d, n, placeBytes+24*int64(len(models)), p.roomBytes(models[0].vocab))
	if err != nil {
		return nil, err
	}
	rooms := sync.Pool{New: func() any { return p.newRoom(models[0].vocab) }}
	t.places = make([]place, n)
	return t, manyLogits(ctx, within, models, all, func(at, sequence int, target int32, z [][]float32) (err error) {
		r := rooms.Get().(*room)
		defer rooms.Put(r)
		if t.places[at], err = p.place(r, sequence, target, z); err != nil {
			return fmt.Errorf("window %d: %w", sequence+1, err)
		}
		return nil
	})
}

// placeBytes is what a place takes beside three numbers for each model.
const placeBytes = 128

// room is what reading a place takes, of one goroutine.
type room struct {
	mixed  []float32 // of a product
	fusion *fusion
}

func (p *combine) newRoom(vocab int) *room {
	switch p.How {
	case "logits":
		return &room{mixed: make([]float32, vocab)}
	case "dynamic":
		return &room{fusion: newFusion(len(p.Models)+1, vocab)}
	}
	return &room{}
}

func (p *combine) roomBytes(vocab int) int64 {
	switch p.How {
	case "logits":
		return 4 * int64(vocab)
	case "dynamic":
		return fusionBytes(len(p.Models)+1, vocab)
	}
	return 0
}

// place reads the logits of all models at a position.
func (p *combine) place(r *room, sequence int, target int32, z [][]float32) (place, error) {
	at := place{sequence: sequence, own: make([]float64, len(z))}
	sums := make([]float64, len(z))
	for i, row := range z {
		sums[i], _ = logSum(row)
		if at.own[i] = sums[i] - float64(row[target]); math.IsInf(at.own[i], 1) {
			return at, impossible(p.modelName(i), target)
		}
	}
	switch p.How {
	case "entropy", "gated":
		at.entropy = make([]float64, len(z))
		for i, row := range z {
			at.entropy[i] = entropy(row, sums[i])
		}
	case "logits":
		at.shares = p.weights()
		at.nll = product(r.mixed, z, at.shares, target)
	case "dynamic":
		if expert, token := r.fusion.begin(z, sums); expert >= 0 {
			return at, fmt.Errorf("model %s gives token %d a probability and %s none, so that how: dynamic has no measure of what it learned: say how: probabilities", p.modelName(expert+1), token, p.Base.Name)
		}
		at.shares = append(append([]float64{1}, r.fusion.solve()...), 0)
		at.nll = r.fusion.nll(target)
	}
	return at, nil
}

// modelName is that of the i-th model, of which the base is the last.
func (p *combine) modelName(i int) string {
	if i == len(p.Models) {
		return p.Base.Name
	}
	return p.Models[i].Model.Name
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

// product is the negative log likelihood of a token by softmax(sum w z), of the
// models that weigh anything.
func product(mixed []float32, z [][]float32, w []float64, target int32) float64 {
	clear(mixed)
	for i, row := range z {
		if w[i] == 0 {
			continue // 0 times a logit of -Inf is none
		}
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

// entropy is that of softmax(z), whose log sum is known, in nats. What has no
// probability adds nothing.
func entropy(z []float32, sum float64) float64 {
	h := 0.0
	for _, v := range z {
		l := float64(v) - sum
		h -= term(math.Exp(l), l, 0)
	}
	return h
}
