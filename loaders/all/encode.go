package all

import (
	"sync"

	"github.com/rouxml/roux/loaders/tokenizer"
	"github.com/rouxml/roux/tensor"
)

// encoder cuts texts by the tokenizer among a model's files, which is read when
// the first text comes.
func encoder(files []tensor.File) func(string) ([]int32, error) {
	open := sync.OnceValues(func() (*tokenizer.Tokenizer, error) { return tokenizer.Open(files) })
	return func(text string) ([]int32, error) {
		t, err := open()
		if err != nil {
			return nil, err
		}
		return t.Encode(text, tokenizer.Options{Parse: true})
	}
}
