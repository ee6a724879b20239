package tokenizer

import (
	"fmt"

	"github.com/rouxml/roux/tensor/vocab"
)

// shared builds the vocabulary that the models are to have, and says whose
// files it comes with.
func shared(p *align, ps *parties) (v *vocab.Tokenizer, home *party, err error) {
	home = ps.base
	if ps.like != nil {
		home = ps.like
	}
	for _, m := range append([]*party{ps.base}, ps.all...) {
		if err := vocab.Mismatch(home.vocab, m.vocab); err != nil {
			return nil, nil, fmt.Errorf("%s and %s: %w (tokenizer.transplant gives a model another's tokenizer)", home.Name, m.Name, err)
		}
	}
	v = home.vocab.Clone()
	if p.Trim {
		if _, err := v.Compact(); err != nil {
			return nil, nil, err
		}
	}
	if ps.like == nil && p.Source != "base" {
		if err := unite(v, p.Source == "union", ps); err != nil {
			return nil, nil, gaps(home, v, err)
		}
	}
	for _, t := range p.Tokens {
		if _, ok := v.ID(t.Token); ok {
			continue
		}
		if _, err := v.Add(vocab.Plain(t.Token)); err != nil {
			return nil, nil, gaps(home, v, err)
		}
	}
	return v, home, nil
}

// unite adds the other models' tokens: ordinary ones if asked for, then added
// ones. What is an added token anywhere is no ordinary one.
func unite(v *vocab.Tokenizer, ordinary bool, ps *parties) error {
	added := map[string]bool{}
	for _, m := range ps.all {
		for _, a := range m.vocab.Added() {
			added[a.Content] = true
		}
	}
	for _, m := range ps.all {
		for _, t := range m.vocab.Tokens() {
			if _, has := v.ID(t.Text); has || !ordinary || added[t.Text] {
				continue
			}
			if _, err := v.Add(vocab.Plain(t.Text)); err != nil {
				return err
			}
		}
	}
	for _, m := range ps.all {
		for _, a := range m.vocab.Added() {
			if _, err := v.Add(a); err != nil {
				return err
			}
		}
	}
	return nil
}

// gaps adds the cure for ids with gaps.
func gaps(home *party, v *vocab.Tokenizer, err error) error {
	if _, has := v.Gap(); has {
		err = fmt.Errorf("%w (say trim: true to close the gaps)", err)
	}
	return fmt.Errorf("%s: %w", home.Name, err)
}
