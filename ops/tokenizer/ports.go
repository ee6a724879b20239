package tokenizer

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/vocab"
)

// party is one model with its vocabulary.
type party struct {
	ops.Header
	port  int
	vocab *vocab.Tokenizer
	rows  int      // of the embedding
	gone  []string // tokens without rows that were left out
}

// parties are the models of a step by their parts in it.
type parties struct {
	own, base *party
	like      *party // nil without
	all       []*party
	from      []*party // of each token; nil without
}

// join finds each model once, in the order of the params' fields, which is the
// order of the ports.
func join(p *align, in []ops.Header) (*parties, error) {
	byName, next := map[string]*party{}, 0
	take := func(name string) *party {
		if name == "" {
			return nil
		}
		if byName[name] == nil {
			byName[name] = &party{Header: in[next], port: next}
		}
		next++
		return byName[name]
	}
	ps := &parties{own: take(p.Model.Name)}
	for _, m := range p.Models {
		ps.all = append(ps.all, take(m.Name))
	}
	ps.base, ps.like = take(p.Base.Name), take(p.Like.Name)
	for _, t := range p.Tokens {
		ps.from = append(ps.from, take(t.From.Name))
	}
	if ps.base == nil {
		ps.base = ps.all[0]
	}
	if !contains(ps.all, ps.own) {
		ps.all = append(ps.all, ps.own)
	}
	for _, m := range byName {
		if err := m.read(p.Beyond == "error" || p.Beyond == "base" && m != ps.base); err != nil {
			return nil, err
		}
	}
	return ps, nil
}

func contains(list []*party, m *party) bool {
	for _, x := range list {
		if x == m {
			return true
		}
	}
	return false
}

// read opens the vocabulary and holds it to the rows that the model has: tokens
// beyond are left out, unless strict makes them an error.
func (m *party) read(strict bool) error {
	var err error
	if m.vocab, err = m.Vocab(); err != nil {
		return noVocab(m.Header, err)
	}
	tables := tablesOf(m.Header)
	if len(tables) == 0 {
		return fmt.Errorf("%s has no embedding among the tensors of this step", m.Name)
	}
	m.rows = tables[0].Shape[0]
	if m.vocab.Size() <= m.rows {
		return nil
	}
	if strict {
		return fmt.Errorf("%s: the tokenizer has tokens up to id %d and the embedding %d rows: %s have none (say beyond: drop to leave them out; roux import makes a recipe of a mergekit file)",
			m.Name, m.vocab.Size()-1, m.rows, few(beyond(m.vocab, m.rows)))
	}
	c := m.vocab.Clone()
	if m.gone, err = c.Strip(m.rows); err != nil {
		return fmt.Errorf("%s: tokens without rows cannot be left out: %w", m.Name, err)
	}
	m.vocab = c
	return nil
}

func noVocab(h ops.Header, err error) error {
	if errors.Is(err, tensor.ErrNoVocab) {
		for _, f := range h.Files {
			if f.Name == "tokenizer.model" || f.Name == "vocab.json" || f.Name == "vocab.txt" {
				err = fmt.Errorf("%w, only %s (transformers writes one: AutoTokenizer.from_pretrained(DIR).save_pretrained(DIR))", err, f.Name)
				break
			}
		}
	}
	return fmt.Errorf("%s: %w", h.Name, err)
}

func beyond(v *vocab.Tokenizer, rows int) []string {
	var list []string
	for _, t := range v.Tokens() {
		if t.ID >= rows {
			list = append(list, t.Text)
		}
	}
	return list
}

// few quotes the first of many.
func few(list []string) string {
	const most = 4
	var b strings.Builder
	for i, s := range list {
		if i == most {
			fmt.Fprintf(&b, " and %d others", len(list)-most)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%q", s)
	}
	return b.String()
}

// tablesOf lists the tensors that have a row, or element, for each token: the
// embedding first, then the head and its bias.
func tablesOf(h ops.Header) []tensor.Info {
	embed, ok := embedding(h)
	if !ok {
		return nil
	}
	tables := []tensor.Info{embed}
	for _, info := range h.Infos {
		if info.Name != embed.Name && isTable(h, info, embed) {
			tables = append(tables, info)
		}
	}
	return tables
}

// embedding is the tokens' embedding: of several, such as those of an image's
// places, the one with most rows.
func embedding(h ops.Header) (most tensor.Info, ok bool) {
	for _, info := range h.Infos {
		if r := h.Roles.Role(info.Name, info.Shape); r.Layer >= 0 || r.Kind != tensor.Embed || len(info.Shape) != 2 || ofPlaces(info.Name) {
			continue
		}
		if !ok || info.Shape[0] > most.Shape[0] {
			most, ok = info, true
		}
	}
	return most, ok
}

// ofPlaces says whether an embedding is of positions or segments, not tokens.
func ofPlaces(name string) bool {
	for _, word := range []string{"position", "pos_emb", "wpe", "token_type", "segment"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

func isTable(h ops.Header, info, embed tensor.Info) bool {
	r := h.Roles.Role(info.Name, info.Shape)
	if r.Layer >= 0 || !info.DType.IsFloat() || ofPlaces(info.Name) {
		return false
	}
	switch len(info.Shape) {
	case 2:
		return (r.Kind == tensor.Embed || r.Kind == tensor.Head) && info.Shape[0] == embed.Shape[0]
	case 1:
		return r.Kind == tensor.Bias && info.Shape[0] == embed.Shape[0]
	}
	return false
}

// tableFor is the tensor of another model that answers to one of this: of its
// name, or the embedding where a head is tied to it.
func tableFor(other ops.Header, h ops.Header, info tensor.Info) (tensor.Info, bool) {
	if same, ok := other.Info(info.Name); ok {
		return same, true
	}
	if h.Roles.Role(info.Name, info.Shape).Kind == tensor.Head {
		return embedding(other)
	}
	return tensor.Info{}, false
}
