package modeldir

import (
	"slices"
	"sync"

	"github.com/rouxml/roux/loaders/tokenizer"
	"github.com/rouxml/roux/tensor"
)

// prompter returns a function that turns prompts into token ids: with the token
// that begins a text in front, written as text, and without what a chat or a
// pair would add. The tokenizer is read when it is first used, and again when
// other files are given.
func prompter() func([]tensor.File, string) ([]int, error) {
	var mu sync.Mutex
	var of []tensor.File
	var t *tokenizer.Tokenizer
	return func(files []tensor.File, prompt string) ([]int, error) {
		mu.Lock()
		defer mu.Unlock()
		if t == nil || !slices.EqualFunc(of, files, sameFile) {
			opened, err := tokenizer.Open(files)
			if err != nil {
				return nil, err
			}
			t, of = opened, slices.Clone(files)
		}
		return encode(t, prompt)
	}
}

// sameFile says whether two files are one on disk, or one in memory.
func sameFile(a, b tensor.File) bool {
	return a.Name == b.Name && a.Path == b.Path && len(a.Data) == len(b.Data) && (len(a.Data) == 0 || &a.Data[0] == &b.Data[0])
}

func encode(t *tokenizer.Tokenizer, prompt string) ([]int, error) {
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
