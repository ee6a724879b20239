package nn

import (
	"errors"
	"fmt"
	"math"

	"github.com/rouxml/roux/tensor/kernel"
)

// States is the hidden states of a batch behind the last normalisation. Close
// gives their memory back where Options.Spill is set; otherwise the collector
// does.
type States struct {
	model *Model
	plan  *plan
	batch [][]int32
	*hidden
	head *matrix
}

// Close ends the use of the states and of rows of them.
func (s *States) Close() error { return s.close() }

// Row returns the hidden state of one token. The caller must not change it.
func (s *States) Row(sequence, position int) []float32 {
	h := s.model.arch.Hidden
	at := s.plan.rowOf(sequence, position)
	return s.x[at*h : (at+1)*h]
}

// openHead reads the weights of the logits, once.
func (s *States) openHead() error {
	if s.head != nil {
		return nil
	}
	w, err := s.model.readHead()
	s.head = w
	return err
}

// readHead returns the weights of the logits, kept if Options.Resident says so.
func (m *Model) readHead() (w *matrix, err error) {
	if m.blocks == nil {
		return m.freshHead()
	}
	m.blocks.mu.Lock()
	defer m.blocks.mu.Unlock()
	if m.blocks.head == nil {
		m.blocks.head, err = m.freshHead()
	}
	return m.blocks.head, err
}

func (m *Model) freshHead() (*matrix, error) {
	a, o := m.arch, &m.outside
	if o.head == nil {
		return nil, fmt.Errorf("a model of type %s has no logits: it is an encoder", a.Type)
	}
	r := &reader{source: m.source, used: map[string]bool{}}
	w, err := r.matrixOf(o.head, a.embedDim, a.Vocab, false)
	if err != nil {
		return nil, err
	}
	w.bias = o.headBias
	return w, nil
}

// headInput projects hidden states to the width of the head.
func (m *Model) headInput(x []float32, n int) []float32 {
	o := &m.outside
	if o.out == nil {
		return x
	}
	y := make([]float32, n*m.arch.embedDim)
	o.out.to(n, x, m.arch.Hidden, y, m.arch.embedDim, m.options.Workers)
	return y
}

// HeadInput shows f what the logits' weights multiply, for every token in order,
// as Hooks.Input sees the inputs of the blocks: the name is HeadIn. An encoder
// has none.
func (s *States) HeadInput(f func(Input) error) error {
	a, o := s.model.arch, &s.model.outside
	if o.head == nil {
		return nil
	}
	in := Input{Name: HeadIn, Weights: []string{o.head.Info().Name}, Expert: -1}
	for first := 0; first < s.plan.rows; first += GroupRows {
		n := min(GroupRows, s.plan.rows-first)
		x := s.model.headInput(s.x[first*a.Hidden:(first+n)*a.Hidden], n)
		in.Rows = Rows{Layer: a.Layers, First: first, N: n, Cols: a.embedDim, Step: a.embedDim, X: x}
		if err := f(in); err != nil {
			return err
		}
	}
	return nil
}

// columns computes the logits from..to of n rows into z, ld apart, the bias,
// scale and cap done.
func (m *Model) columns(w *matrix, x []float32, n, from, to int, z []float32, ld int) {
	part := w.rows(from, to)
	part.to(n, x, w.in, z, ld, m.options.Workers)
	a := m.arch
	if a.headScale == 1 && a.headCap == 0 {
		return
	}
	split(m.options.Workers, n, rowsEach(to-from), func(first, end int) {
		for i := first; i < end; i++ {
			row := z[i*ld : i*ld+to-from]
			if a.headScale != 1 {
				kernel.Scale(row, a.headScale)
			}
			softcap(row, a.headCap)
		}
	})
}

// rows is the part of a matrix that makes outputs from..to; it is not
// transposed.
func (w *matrix) rows(from, to int) *matrix {
	one := *w
	one.out = to - from
	one.span(from*w.in, to*w.in)
	if w.bias != nil {
		one.bias = w.bias[from:to]
	}
	return &one
}

// Logits fills z, Vocab elements for each of the positions, with the logits
// behind those tokens of a sequence. Callers take a few dozen at a time: a
// thousand logits of a large vocabulary are half a gigabyte.
func (s *States) Logits(z []float32, sequence int, positions ...int) error {
	if err := s.openHead(); err != nil {
		return err
	}
	a := s.model.arch
	x := make([]float32, 0, len(positions)*a.Hidden)
	for _, p := range positions {
		x = append(x, s.Row(sequence, p)...)
	}
	n := len(positions)
	s.model.columns(s.head, s.model.headInput(x, n), n, 0, a.Vocab, z, a.Vocab)
	for i, p := range positions {
		if err := checkLogits(z[i*a.Vocab : (i+1)*a.Vocab]); err != nil {
			return fmt.Errorf("sequence %d, token %d: %w", sequence, p, err)
		}
	}
	return nil
}

// checkLogits refuses a row of logits that is no prediction; hidden states are
// finite, so that it is the head's. A logit of -Inf excludes its token.
func checkLogits(z []float32) error {
	nan, inf := kernel.CountNonFinite(z)
	if nan == 0 && inf == 0 {
		return nil
	}
	if _, most := kernel.MinMax(z); nan > 0 || math.IsInf(float64(most), 0) {
		return errHead
	}
	return nil
}

var errHead = errors.New("the head is the first with NaN, +Inf or nothing but -Inf, in its logits: its weights are damaged or overflow")
