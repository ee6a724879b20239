package evaluate

import (
	"context"
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

// openPair opens a reference and a model that speak one vocabulary.
func openPair(x *ops.Trial) (ref, s *subject, err error) {
	if ref, err = open(x, 0, false); err != nil {
		return nil, nil, err
	}
	if s, err = open(x, 1, false); err != nil {
		return nil, nil, err
	}
	return ref, s, ref.sameVocabulary(s)
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

// logitRows is how many rows of logits are held of each model.
const logitRows = 32

// pairLogits runs two models over the same sequences and shows f the logits at
// each scored position, row by row from several goroutines; at counts positions.
func pairLogits(ctx context.Context, x *ops.Trial, ref, s *subject, all []sequence, f func(at, sequence int, target int32, p, q []float32)) error {
	vocab := s.model.Arch().Vocab
	p, q := make([]float32, logitRows*vocab), make([]float32, logitRows*vocab)
	done := 0
	return s.inBatches(all, func(first int, some []sequence) error {
		a, err := ref.run(ctx, some, nn.Hooks{})
		if err != nil {
			return err
		}
		b, err := s.run(ctx, some, nn.Hooks{})
		if err != nil {
			return err
		}
		for i, one := range some {
			for from := one.from; from < len(one.ids); from += logitRows {
				places := make([]int, min(logitRows, len(one.ids)-from))
				for k := range places {
					places[k] = from + k - 1
				}
				if err := ref.logits(a, p, i, places); err != nil {
					return err
				}
				if err := s.logits(b, q, i, places); err != nil {
					return err
				}
				split(x.Workers, len(places), func(k int) {
					f(done+k, first+i, one.ids[from+k], p[k*vocab:(k+1)*vocab], q[k*vocab:(k+1)*vocab])
				})
				done += len(places)
			}
			if err := ctx.Err(); err != nil {
				return err
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
	top := 0
	for i, v := range z {
		if v > z[top] {
			top = i
		}
	}
	sum, most := 0.0, float64(z[top])
	for _, v := range z {
		sum += math.Exp(float64(v) - most)
	}
	return most + math.Log(sum), top
}
