package evaluate

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"

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

// openAll opens models that speak one vocabulary.
func openAll(x *ops.Trial) ([]*subject, error) {
	models := make([]*subject, len(x.Models))
	for i := range models {
		var err error
		if models[i], err = open(x, i, false); err != nil {
			return nil, err
		}
		if err := models[0].sameVocabulary(models[i]); err != nil {
			return nil, err
		}
	}
	return models, nil
}

// sameVocabulary refuses two models whose tokens differ.
func (s *subject) sameVocabulary(other *subject) error {
	if a, b := s.model.Arch().Vocab, other.model.Arch().Vocab; a != b {
		return fmt.Errorf("models %s and %s have vocabularies of %d and %d tokens: their predictions do not compare", s.name, other.name, a, b)
	}
	if s.tokens.Digest() != other.tokens.Digest() {
		return fmt.Errorf("models %s and %s have different tokenizers: their predictions do not compare", s.name, other.name)
	}
	return nil
}

// logitRows is how many rows of logits are held of each model at the most. How
// many changes no bits.
const logitRows = 32

// rowsWithin is how many rows of logits go into an eighth of the memory.
func rowsWithin(memory int64, models, vocab int) int {
	return int(max(1, min(logitRows, memory/8/int64(4*models*vocab))))
}

// manyLogits runs models over the same sequences and shows f their logits at
// each scored position, from several goroutines; at counts positions.
func manyLogits(ctx context.Context, x *ops.Trial, models []*subject, all []sequence, f func(at, sequence int, target int32, z [][]float32)) error {
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
				split(x.Workers, len(places), func(k int) {
					rows := make([][]float32, len(models))
					for j := range rows {
						rows[j] = z[j][k*vocab : (k+1)*vocab]
					}
					f(done+k, first+i, one.ids[from+k], rows)
				})
				done += len(places)
				if err := ctx.Err(); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// logits fills rows of logits and refuses NaN.
func (s *subject) logits(states *nn.States, z []float32, sequence int, places []int) error {
	if err := states.Logits(z, sequence, places...); err != nil {
		return fmt.Errorf("model %s: %w", s.name, err)
	}
	vocab := s.model.Arch().Vocab
	for i, v := range z[:len(places)*vocab] {
		if v != v {
			return fmt.Errorf("model %s: the head is the first with NaN, in a logit behind token %d of sequence %d: its weights are damaged or overflow", s.name, places[i/vocab], sequence)
		}
	}
	return nil
}

// split runs f for every i below n on some goroutines.
func split(workers, n int, f func(i int)) {
	var wg sync.WaitGroup
	workers = max(1, min(workers, n))
	for w := range workers {
		wg.Go(func() {
			for i := w; i < n; i += workers {
				f(i)
			}
		})
	}
	wg.Wait()
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
