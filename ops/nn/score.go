package nn

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/rouxml/roux/tensor/kernel"
)

// Score is what a model says about one token, given all before it.
type Score struct {
	LogProb float64 // natural logarithm of the token's probability
	Entropy float64 // of the whole distribution, in nats
	Top     int32   // the likeliest token, of equal ones the lowest
	TopLog  float64 // and the logarithm of its probability
}

// Greedy says that the token was the likeliest.
func (s Score) Greedy() bool { return s.LogProb == s.TopLog }

// Target is a token that follows a position of a sequence.
type Target struct {
	Sequence, Position int
	Token              int32
}

// The head goes by blocks of columns, so that never all logits exist at once,
// and by chunks of rows.
const (
	headRows    = 512
	headColumns = 4096
)

// Score runs a batch and scores the tokens of each sequence, given those before
// them. From holds, by sequence, how many of its tokens are only context, at
// least one; nil means one each. Element [i][j] is about token from[i]+j of
// sequence i.
func (m *Model) Score(ctx context.Context, batch [][]int32, from []int) ([][]Score, error) {
	s, err := m.Run(ctx, batch, Hooks{})
	if err != nil {
		return nil, err
	}
	var targets []Target
	for i, seq := range batch {
		first := 1
		if from != nil {
			first = max(from[i], 1)
		}
		for at := first; at < len(seq); at++ {
			targets = append(targets, Target{i, at - 1, seq[at]})
		}
	}
	flat, err := s.Score(ctx, targets)
	if err := errors.Join(err, s.Close()); err != nil {
		return nil, err
	}
	out := make([][]Score, len(batch))
	for i, t := range targets {
		out[t.Sequence] = append(out[t.Sequence], flat[i])
	}
	return out, nil
}

// Score scores tokens that may follow.
func (s *States) Score(ctx context.Context, targets []Target) ([]Score, error) {
	if err := s.openHead(); err != nil {
		return nil, err
	}
	a, h := s.model.arch, s.model.arch.Hidden
	out := make([]Score, 0, len(targets))
	x := make([]float32, min(headRows, len(targets))*h)
	z := make([]float32, min(headRows, len(targets))*min(headColumns, a.Vocab))
	for len(targets) > 0 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		some := targets[:min(headRows, len(targets))]
		targets = targets[len(some):]
		for i, t := range some {
			if t.Token < 0 || int(t.Token) >= a.Vocab {
				return nil, fmt.Errorf("token %d is not one of the model's %d", t.Token, a.Vocab)
			}
			copy(x[i*h:(i+1)*h], s.Row(t.Sequence, t.Position))
		}
		sums := s.model.tally(s.head, x, z, some)
		for i, t := range some {
			if math.IsNaN(sums[i].sum) || sums[i].sum == 0 || math.IsNaN(float64(sums[i].target)) {
				return nil, fmt.Errorf("sequence %d, token %d: %w", t.Sequence, t.Position, errHead)
			}
			out = append(out, sums[i].score())
		}
	}
	return out, nil
}

// tally is a running sum over the logits of one row.
type tally struct {
	most        float32
	sum, moment float64 // of exp(z-most), and of that times z
	target      float32
	top         int32
}

func (t tally) score() Score {
	all := float64(t.most) + math.Log(t.sum)
	return Score{LogProb: float64(t.target) - all, Entropy: all - t.moment/t.sum, Top: t.top, TopLog: float64(t.most) - all}
}

// tally goes over all columns, a block at a time in ascending order.
func (m *Model) tally(w *matrix, x, z []float32, targets []Target) []tally {
	n, vocab := len(targets), m.arch.Vocab
	sums := make([]tally, n)
	for i := range sums {
		sums[i] = tally{most: -math.MaxFloat32}
	}
	x = m.headInput(x, n)
	for from := 0; from < vocab; from += headColumns {
		to := min(from+headColumns, vocab)
		m.columns(w, x, n, from, to, z, to-from)
		split(m.options.Workers, n, 8, func(first, end int) {
			scratch := make([]float32, to-from)
			for i := first; i < end; i++ {
				sums[i].take(z[i*(to-from):(i+1)*(to-from)], from, targets[i].Token, scratch)
			}
		})
	}
	return sums
}

// take adds a block of logits that begins at column from.
func (t *tally) take(z []float32, from int, target int32, e []float32) {
	if at := int(target) - from; at >= 0 && at < len(z) {
		t.target = z[at]
	}
	_, most := kernel.MinMax(z)
	if most > t.most {
		shrink := math.Exp(float64(t.most) - float64(most))
		t.sum, t.moment = t.sum*shrink, t.moment*shrink
		t.most = most
		for i, v := range z {
			if v == most {
				t.top = int32(from + i)
				break
			}
		}
	}
	kernel.ExpFrom(e, z, t.most)
	t.sum += kernel.Sum(e)
	moment := kernel.Dot(e, z)
	if math.IsNaN(moment) && !math.IsNaN(t.sum) {
		moment = possible(e, z)
	}
	t.moment += moment
}

// possible is the product of e and z over the tokens that have a probability: z
// is -Inf elsewhere.
func possible(e, z []float32) float64 {
	sum := 0.0
	for i, v := range e {
		if v > 0 {
			sum += float64(float64(v) * float64(z[i]))
		}
	}
	return sum
}
