package evaluate

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/ops/nn"
)

// checkSaved refuses models that the saved predictions cannot be about.
func checkSaved(in []ops.Header, d *ops.Data) error {
	if err := causal(in); err != nil {
		return err
	}
	context, vocab, chunks := d.Saved.Sizes()
	for _, h := range in {
		a, err := nn.Parse(h.Config)
		switch {
		case err != nil:
			return err
		case a.Vocab != vocab:
			return d.Errorf("its logits are of a vocabulary of %d tokens, and model %s has %d: they are another model's", vocab, h.Name, a.Vocab)
		case context > a.Positions:
			return d.Errorf("its chunks of %d tokens are longer than the %d positions of model %s", context, a.Positions, h.Name)
		}
	}
	_, err := d.Choose(chunks, fmt.Sprintf("chunks of %d tokens", context))
	return err
}

// saved are the chunks that are asked for, and their places in the file.
func (s *subject) saved(d *ops.Data) ([]sequence, []int, error) {
	context, _, chunks := d.Saved.Sizes()
	places := make([]int, chunks)
	for i := range places {
		places[i] = i
	}
	chosen, err := samples(d, places, fmt.Sprintf("chunks of %d tokens", context))
	if err != nil {
		return nil, nil, err
	}
	probe, err := s.encode(d, "a", true)
	if err != nil {
		return nil, nil, err
	}
	bos, adds := s.beginsWith(probe.ids)
	out := make([]sequence, len(chosen))
	for i, chunk := range chosen {
		ids := slices.Clone(d.Saved.Tokens(chunk))
		if adds {
			ids[0] = bos
		}
		out[i] = sequence{ids: ids, from: context/2 + 1}
	}
	return out, chosen, nil
}

// runSaved holds a model against the saved predictions of a reference.
func runSaved(ctx context.Context, x *ops.Trial) (ops.Result, error) {
	d := x.Data[0]
	s, err := open(x, 0, false)
	if err != nil {
		return ops.Result{}, err
	}
	all, chunks, err := s.saved(d)
	if err != nil {
		return ops.Result{}, err
	}
	length, vocab, _ := d.Saved.Sizes()
	rows := length - 1 - length/2
	within, err := afford(x, d, rows*len(all), positionBytes, 4*int64(vocab))
	if err != nil {
		return ops.Result{}, err
	}
	places := make([]position, rows*len(all))
	rooms := sync.Pool{New: func() any { room := make([]float32, vocab); return &room }}
	err = manyLogits(ctx, within, []*subject{s}, all, func(at, sequence int, target int32, z [][]float32) (err error) {
		p := rooms.Get().(*[]float32)
		defer rooms.Put(p)
		if err := d.Saved.LogProbs(chunks[sequence], at%rows, *p); err != nil {
			return d.Errorf("%w", err)
		}
		if places[at], err = compared(sequence, target, *p, 0, top(*p), z[0]); err != nil {
			return d.Errorf("model %s: %w", s.name, err)
		}
		return nil
	})
	if err != nil {
		return ops.Result{}, err
	}
	return resultKL(places, len(all), length, s), nil
}

// Sink takes what a model predicts of a text.
type Sink interface {
	// Begin says how much will come, and the tokens of all chunks together as they
	// stand in the text: the model sees BOS for the first of a chunk.
	Begin(context, vocab, chunks int, tokens []int32) error
	// Row takes the logits behind a scored position, from several goroutines. An
	// error ends the run.
	Row(chunk, row int, z []float32) error
}

// Predict runs the model of a trial over its texts, cut as llama-perplexity cuts
// them, and gives a sink what it predicts: what evaluate.kl takes for a
// reference. The data's samples are the first chunks.
func Predict(ctx context.Context, x *ops.Trial, to Sink) error {
	d := x.Data[0]
	if err := checkTexts([]ops.Header{x.Models[0].Header}, d, "llama.cpp", 0); err != nil {
		return err
	}
	s, err := open(x, 0, false)
	if err != nil {
		return err
	}
	windows, length, err := s.windows(d, protocolOf("llama.cpp"), 0)
	if err != nil {
		return err
	}
	all := make([]sequence, len(windows))
	for i, w := range windows {
		all[i] = w.sequence
	}
	e, err := s.joined(d, true)
	if err != nil {
		return err
	}
	if err := to.Begin(length, s.vocab, len(all), e.ids[:length*len(all)]); err != nil {
		return err
	}
	rows := length - 1 - length/2
	return manyLogits(ctx, x, []*subject{s}, all, func(at, sequence int, _ int32, z [][]float32) error {
		return to.Row(sequence, at%rows, z[0])
	})
}
