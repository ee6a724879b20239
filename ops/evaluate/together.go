package evaluate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"sync"

	"github.com/dustin/go-humanize"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/ops/nn"
)

// againstFirst pairs each model with the first.
func againstFirst[P any](_ *P, ports int) [][]int {
	var runs [][]int
	for i := 1; i < ports; i++ {
		runs = append(runs, []int{0, i})
	}
	return runs
}

// openAll opens the models of a trial.
func openAll(x *ops.Trial) ([]*subject, error) {
	models := make([]*subject, len(x.Models))
	for i := range models {
		var err error
		if models[i], err = open(x, i, false); err != nil {
			return nil, err
		}
	}
	return models, nil
}

// oneVocabulary refuses models whose tokens differ from the first one's, by
// their configs and tokenizers.
func oneVocabulary(in []ops.Header) error {
	if err := causal(in); err != nil {
		return err
	}
	var first *subject
	for _, h := range in {
		a, err := nn.Parse(h.Config)
		if err != nil {
			return err
		}
		s, err := planned(h, a)
		if err != nil {
			return err
		}
		if first == nil {
			first = s
		}
		if err := first.sameVocabulary(s); err != nil {
			return err
		}
	}
	return nil
}

// sameVocabulary refuses two models whose tokens differ.
func (s *subject) sameVocabulary(other *subject) error {
	what := "tokenizers"
	switch {
	case s.vocab != other.vocab:
		what = fmt.Sprintf("vocabularies, of %d and %d tokens", s.vocab, other.vocab)
	case s.tokens.Digest() == other.tokens.Digest():
		return nil
	}
	return fmt.Errorf("models %s and %s have different %s, so their predictions do not compare: leave %s out, or compare bits_per_byte of evaluate.perplexity", s.name, other.name, what, other.name)
}

// logitRows is how many rows of logits are held of each model at the most. How
// many changes no bits.
const logitRows = 32

// rowsWithin is how many rows of logits go into an eighth of the memory.
func rowsWithin(memory int64, models, vocab int) int {
	return int(max(1, min(logitRows, memory/8/int64(4*models*vocab))))
}

// manyLogits runs models over the same sequences and shows f their logits at
// each scored position, from several goroutines; at counts positions. An error of
// f ends it.
func manyLogits(ctx context.Context, x *ops.Trial, models []*subject, all []sequence, f func(at, sequence int, target int32, z [][]float32) error) error {
	vocab := models[0].model.Arch().Vocab
	held := rowsWithin(x.Memory, len(models), vocab)
	z := make([][]float32, len(models))
	for i := range z {
		z[i] = make([]float32, held*vocab)
	}
	done := 0
	return models[0].inBatches(all, func(first int, some []sequence) (err error) {
		states := make([]*nn.States, len(models))
		for i, m := range models {
			if states[i], err = m.run(ctx, some, nn.Hooks{}); err != nil {
				return err
			}
			defer func() { err = errors.Join(err, states[i].Close()) }()
		}
		for i, one := range some {
			for from := one.from; from < len(one.ids); from += held {
				places := make([]int, min(held, len(one.ids)-from))
				for k := range places {
					places[k] = from + k - 1
				}
				for j, m := range models {
					if err := m.logits(states[j], z[j], i, places); err != nil {
						return err
					}
				}
				err := split(x.Workers, len(places), func(k int) error {
					rows := make([][]float32, len(models))
					for j := range rows {
						rows[j] = z[j][k*vocab : (k+1)*vocab]
					}
					return f(done+k, first+i, one.ids[from+k], rows)
				})
				done += len(places)
				if err := cmp.Or(err, ctx.Err()); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// logits fills rows of logits.
func (s *subject) logits(states *nn.States, z []float32, sequence int, places []int) error {
	if err := states.Logits(z, sequence, places...); err != nil {
		return fmt.Errorf("model %s: %w", s.name, err)
	}
	return nil
}

// impossible is the error for a true token that a model gives no probability: no
// statistic of it is a number.
func impossible(model string, token int32) error {
	return fmt.Errorf("model %s gives no probability at all to token %d, which is the one that stands there (its logit is -Inf): the head's weights are damaged or overflow", model, token)
}

// afford refuses so many places of so many bytes each, kept for all texts of a
// data entry, when they take more than the entry's part of a quarter of the
// memory. It returns the trial with as many workers as have a room of their own
// in another eighth, one at the least: how many changes no bits.
func afford(x *ops.Trial, d *ops.Data, places int, each, room int64) (*ops.Trial, error) {
	left := x.Memory / 4 / int64(len(x.Data))
	if need := int64(places)*each + max(0, room-x.Memory/8); need > left {
		return nil, d.Errorf("what is kept of %d scored tokens takes %s beside what runs the models, and the budget leaves %s: raise --memory, or say fewer samples", places, humanize.Bytes(uint64(need)), humanize.Bytes(uint64(left)))
	}
	within := *x
	if room > 0 {
		within.Workers = int(max(1, min(int64(x.Workers), x.Memory/8/room)))
	}
	return &within, nil
}

// split runs f for every i below n on some goroutines, and returns the error of
// the lowest i that failed.
func split(workers, n int, f func(i int) error) error {
	var wg sync.WaitGroup
	failed := make([]error, n)
	workers = max(1, min(workers, n))
	for w := range workers {
		wg.Go(func() {
			for i := w; i < n; i += workers {
				failed[i] = f(i)
			}
		})
	}
	wg.Wait()
	return cmp.Or(failed...)
}

// logSum is ln sum exp(z), and the index of the largest, of equal ones the lowest.
func logSum(z []float32) (float64, int) {
	best := top(z)
	sum, most := 0.0, float64(z[best])
	for _, v := range z {
		sum += math.Exp(float64(v) - most)
	}
	return most + math.Log(sum), best
}

// top is the index of the largest, of equal ones the lowest.
func top(z []float32) int {
	best := 0
	for i, v := range z {
		if v > z[best] {
			best = i
		}
	}
	return best
}
