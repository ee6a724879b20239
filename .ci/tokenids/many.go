package main

import (
	"encoding/json"
	"os"

	"github.com/rouxml/roux/loaders/tokenizer"
)

// manyCase is a tokenizer.json, texts for it, and pairs of texts.
type manyCase struct {
	Tokenizer json.RawMessage
	Texts     []string
	Pairs     [][2]string
}

type manyResult struct {
	Error string       `json:"error"` // of the file
	Texts []textResult `json:"texts"`
	Pairs []textResult `json:"pairs"`
}

// textResult is what became of a text with special tokens parsed and added, and
// of the same text without either.
type textResult struct {
	result
	Types []int32 `json:"types"`
	Plain []int32 `json:"plain"`
	Error string  `json:"error"`
}

// many answers each line of cases by a line of results.
func many() error {
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for in.More() {
		var c manyCase
		if err := in.Decode(&c); err != nil {
			return err
		}
		if err := out.Encode(answer(c)); err != nil {
			return err
		}
	}
	return nil
}

func answer(c manyCase) manyResult {
	t, err := tokenizer.Parse(c.Tokenizer)
	if err != nil {
		return manyResult{Error: err.Error()}
	}
	var out manyResult
	all := tokenizer.Options{Add: true, Parse: true}
	for _, s := range c.Texts {
		e, err := t.EncodeWithOffsets(s, all)
		r := textResult{Types: e.Types}
		if err == nil {
			r.result, err = one(t, s, all)
		}
		if err == nil {
			r.Plain, err = t.Encode(s, tokenizer.Options{})
		}
		if err != nil {
			r.Error = err.Error()
		}
		out.Texts = append(out.Texts, r)
	}
	for _, p := range c.Pairs {
		e, err := t.EncodePair(p[0], p[1], all)
		r := textResult{result: shown(e), Types: e.Types}
		if err != nil {
			r.Error = err.Error()
		}
		out.Pairs = append(out.Pairs, r)
	}
	return out
}
