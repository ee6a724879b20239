package moe

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/tensor"
)

// encode fills in the tokens of prompts by the base's tokenizer, so that keys
// cover what the tokenizer says.
func (p *fromDense) encode(base ops.Header) error {
	if !p.prompted() {
		return nil
	}
	for _, list := range [][]expert{p.Experts, p.Shared} {
		for i := range list {
			e := &list[i]
			if err := errors.Join(encodeAll(base, e.PositivePrompts, &e.PositiveTokens), encodeAll(base, e.NegativePrompts, &e.NegativeTokens)); err != nil {
				return err
			}
		}
	}
	return nil
}

func encodeAll(base ops.Header, prompts []string, into *[][]int) error {
	if prompts == nil {
		return nil
	}
	if base.Tokenizer == nil {
		return fmt.Errorf("%s has no tokenizer to read prompts with: give positive_tokens in place of positive_prompts", base.Name)
	}
	t, err := base.Tokenizer()
	if err != nil {
		return fmt.Errorf("%s: %w", base.Name, err)
	}
	*into = nil
	for _, prompt := range prompts {
		ids, err := tokensOf(t, prompt)
		if err != nil {
			return fmt.Errorf("prompt %.40q: %w", prompt, err)
		}
		*into = append(*into, ids)
	}
	return nil
}

// tokensOf reads a prompt: with the token that begins a text in front, written
// as text, and without what a chat or a pair would add.
func tokensOf(t ops.Tokenizer, prompt string) ([]int, error) {
	if id, ok := t.Named("bos"); ok {
		begin, _ := t.Token(id)
		prompt = begin + prompt
	}
	ids, _, err := t.Encode(prompt, ops.Encoding{Parse: true})
	out := make([]int, len(ids))
	for i, id := range ids {
		out[i] = int(id)
	}
	return out, err
}

// inVocabulary refuses tokens that the embedding lacks, and prompts without
// any, before anything is read.
func (p *fromDense) inVocabulary(rows int) error {
	if rows < len(p.Experts) {
		return fmt.Errorf("%d experts, and the embedding has only %d rows", len(p.Experts), rows)
	}
	for i, e := range append(p.Experts[:len(p.Experts):len(p.Experts)], p.Shared...) {
		for _, ids := range append(e.PositiveTokens[:len(e.PositiveTokens):len(e.PositiveTokens)], e.NegativeTokens...) {
			for _, id := range ids {
				if id < 0 || id >= rows {
					return fmt.Errorf("token %d of expert %d: the embedding has %d rows", id, i+1, rows)
				}
			}
		}
		if e.prompted() && count(e.PositiveTokens) == 0 {
			return fmt.Errorf("the positive prompts of expert %d have no tokens", i+1)
		}
	}
	return nil
}

func count(prompts [][]int) (n int) {
	for _, ids := range prompts {
		n += len(ids)
	}
	return n
}

// embedding finds the base's token embedding.
func embedding(base ops.Header) (tensor.Info, error) {
	for _, info := range base.Infos {
		if role := base.Roles.Role(info.Name, info.Shape); role.Kind == tensor.Embed && role.Layer < 0 && len(info.Shape) == 2 {
			return info, nil
		}
	}
	return tensor.Info{}, fmt.Errorf("%s has no token embedding, which gate_mode: cheap_embed reads", base.Name)
}

// routes says whether a unit is a router that rests on the embedding.
func routes(x *ops.Pass) bool { return x.Unit.In[0].Port == 0 && len(x.Out().Shape) == 2 }

func isSharedGate(name string) bool { return strings.HasSuffix(name, ".shared_expert_gate.weight") }

// direction is the row of a router for one expert.
func (e expert) direction(ctx context.Context, scan ops.Scan) ([]float64, error) {
	row, err := meanDirection(ctx, scan, e.PositiveTokens)
	if err != nil || count(e.NegativeTokens) == 0 {
		return row, err
	}
	away, err := meanDirection(ctx, scan, e.NegativeTokens)
	if err != nil {
		return nil, err
	}
	for i, v := range away {
		row[i] -= v
	}
	return normalise(row), nil
}

// meanDirection is the sum of the tokens' embeddings, of length one.
func meanDirection(ctx context.Context, scan ops.Scan, prompts [][]int) ([]float64, error) {
	sum := make([]float64, scan.Pass.Out().Shape.Cols())
	for _, ids := range prompts {
		for _, id := range ids {
			err := scan.At(ctx, id, 1, func(b *ops.Block) error {
				for i, v := range b.X(0) {
					sum[i] += float64(v)
				}
				return nil
			})
			if err != nil {
				return nil, err
			}
		}
	}
	return normalise(sum), nil
}

// normalise scales a vector to length one, and leaves one of no length alone.
func normalise(v []float64) []float64 {
	sum := 0.0
	for _, x := range v {
		sum += float64(x * x) // not fused with the addition: the same bits everywhere
	}
	length := math.Max(math.Sqrt(sum), 1e-8)
	for i := range v {
		v[i] /= length
	}
	return v
}
