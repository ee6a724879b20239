package evaluate

import (
	"context"
	"errors"
	"fmt"

	"github.com/dustin/go-humanize"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/ops/nn"
)

// subject is a model that is ready to run.
type subject struct {
	name      string
	model     *nn.Model // nil in a plan
	tokens    ops.Tokenizer
	held      int // tokens whose hidden states the memory holds
	batch     int // tokens that go through it together: more, where a file holds the rest
	positions int
	vocab     int // rows that the model has for tokens
}

// architectures refuses, by its config, a model that nn cannot run.
func architectures(in []ops.Header) error {
	for _, h := range in {
		if len(h.Config) == 0 {
			return fmt.Errorf("model %s has no config.json, so its architecture is unknown: name the directory that holds it", h.Name)
		}
		if _, err := nn.Parse(h.Config); err != nil {
			return fmt.Errorf("model %s cannot be run: %w", h.Name, err)
		}
	}
	return nil
}

// causal refuses encoders as well.
func causal(in []ops.Header) error {
	if err := architectures(in); err != nil {
		return err
	}
	for _, h := range in {
		if a, err := nn.Parse(h.Config); err == nil && a.Encoder {
			return fmt.Errorf("model %s is an encoder (%s) and predicts no next token: evaluate.embed takes encoders", h.Name, a.Type)
		}
	}
	return nil
}

// spilled is how many times what the memory holds may go to a file.
const spilled = 64

// open makes the i-th model of a trial ready. Half of the memory is for the
// hidden states of a batch, which beyond that go to a file; how many go through
// the model together changes no bits.
func open(x *ops.Trial, i int, resident bool) (*subject, error) {
	s, share := x.Models[i], x.Memory/int64(2*len(x.Models))
	m, err := nn.Open(s.Weights, s.Config, nn.Options{Workers: x.Workers, Resident: resident, Spill: x.Scratch, SpillAbove: share})
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", s.Name, err)
	}
	out, err := planned(s.Header, m.Arch())
	if err != nil {
		return nil, err
	}
	if err := out.affords(m.Memory(nn.GroupRows, nn.GroupRows), x); err != nil {
		return nil, err
	}
	held := int(max(nn.GroupRows, share/int64(4*m.Arch().Hidden)))
	out.model, out.held, out.batch = m, held, held
	if x.Scratch != "" {
		out.batch *= spilled
	}
	return out, nil
}

// planned is a model as it is known before its weights are read.
func planned(h ops.Header, a *nn.Arch) (*subject, error) {
	t, err := h.Tokenizer()
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", h.Name, err)
	}
	return &subject{name: h.Name, tokens: t, positions: a.Positions, vocab: a.Vocab}, nil
}

// affords refuses to run a model that takes more than the budget.
func (s *subject) affords(need int64, x *ops.Trial) error {
	if need <= 2*x.Memory {
		return nil
	}
	return fmt.Errorf("model %s: running it takes %s, and the budget is %s: raise --memory, or write it as an output and evaluate that, whose weights take none", s.name, humanize.Bytes(uint64(need)), humanize.Bytes(uint64(2*x.Memory)))
}

// encoded is a text as tokens, and where in it each ends.
type encoded struct {
	ids  []int32
	ends []int
}

// bytes is how much text the tokens from..to stand for.
func (e encoded) bytes(from, to int) int {
	before := 0
	if from > 0 {
		before = e.ends[from-1]
	}
	return e.ends[to-1] - before
}

// encode turns a text of the data into tokens. A token that the model has no
// row for says that the tokenizer is another model's.
func (s *subject) encode(d *ops.Data, text string, add bool) (encoded, error) {
	ids, ends, err := s.tokens.Encode(text, ops.Encoding{Add: add, Parse: d.Special})
	if err != nil {
		return encoded{}, d.Errorf("%w", err)
	}
	for _, id := range ids {
		if int(id) >= s.vocab {
			return encoded{}, fmt.Errorf("model %s: its tokenizer makes token %d and its vocabulary ends at %d: the tokenizer does not match the vocabulary", s.name, id, s.vocab-1)
		}
	}
	return encoded{ids, ends}, nil
}

// begin is the token that stands before a text without context: the beginning
// of a text, or its end where there is none.
func (s *subject) begin() (int32, error) {
	for _, role := range []string{"bos", "eos"} {
		if id, ok := s.tokens.Named(role); ok {
			return id, nil
		}
	}
	return 0, fmt.Errorf("model %s: its tokenizer names neither a bos nor an eos token: add bos_token to tokenizer_config.json", s.name)
}

// sequence is tokens of which those from the from-th on are scored, each given
// all before it. With cut the last one is not fed to the model.
type sequence struct {
	ids  []int32
	from int
	cut  bool
}

func (q sequence) fed() []int32 {
	if q.cut {
		return q.ids[:len(q.ids)-1]
	}
	return q.ids
}

// inBatches calls f with as many sequences as go through the model together.
func (s *subject) inBatches(all []sequence, f func(first int, some []sequence) error) error {
	for first := 0; first < len(all); {
		n, end := 0, first
		for end < len(all) && (end == first || n+len(all[end].ids) <= s.batch) {
			n += len(all[end].ids)
			end++
		}
		if err := f(first, all[first:end]); err != nil {
			return err
		}
		first = end
	}
	return nil
}

// run takes sequences through the model. The states are to be closed.
func (s *subject) run(ctx context.Context, some []sequence, h nn.Hooks) (*nn.States, error) {
	batch := make([][]int32, len(some))
	for i, q := range some {
		batch[i] = q.fed()
	}
	states, err := s.model.Run(ctx, batch, h)
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", s.name, err)
	}
	return states, nil
}

// score returns, for each sequence, what the model says of its scored tokens.
func (s *subject) score(ctx context.Context, all []sequence) ([][]nn.Score, error) {
	out := make([][]nn.Score, len(all))
	err := s.inBatches(all, func(first int, some []sequence) error {
		states, err := s.run(ctx, some, nn.Hooks{})
		if err != nil {
			return err
		}
		var targets []nn.Target
		for i, q := range some {
			for at := q.from; at < len(q.ids); at++ {
				targets = append(targets, nn.Target{Sequence: i, Position: at - 1, Token: q.ids[at]})
			}
		}
		flat, err := states.Score(ctx, targets)
		if err := errors.Join(err, states.Close()); err != nil {
			return fmt.Errorf("model %s: %w", s.name, err)
		}
		for i, t := range targets {
			out[first+t.Sequence] = append(out[first+t.Sequence], flat[i])
		}
		return nil
	})
	return out, err
}
