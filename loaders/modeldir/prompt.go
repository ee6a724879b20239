package modeldir

import (
	"slices"
	"sync"

	"github.com/rouxml/roux/loaders/tokenizer"
	"github.com/rouxml/roux/tensor"
)

// encoder returns how prompts become token ids of a model with these files:
// with the token that begins a text in front, written as text, and without
// what a chat or a pair would add. It is nil without a tokenizer; the
// tokenizer is read when it is first used.
func encoder(files []tensor.File) func(string) ([]int, error) {
	if !slices.ContainsFunc(files, func(f tensor.File) bool { return f.Name == "tokenizer.json" || f.Name == "tokenizer.model" }) {
		return nil
	}
	open := sync.OnceValues(func() (*tokenizer.Tokenizer, error) { return tokenizer.Open(files) })
	return func(prompt string) ([]int, error) {
		t, err := open()
		if err != nil {
			return nil, err
		}
		if id, ok := t.Named("bos"); ok {
			begin, _ := t.Token(id)
			prompt = begin + prompt
		}
		ids, err := t.Encode(prompt, tokenizer.Options{Parse: true})
		out := make([]int, len(ids))
		for i, id := range ids {
			out[i] = int(id)
		}
		return out, err
	}
}
