package tensor

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"

	"github.com/rouxml/roux/tensor/vocab"
)

// Model is a Source with what rides along beside the weights and is written
// out again with them.
type Model struct {
	Weights Source
	// Config is the text of config.json; nil for weights without one.
	Config []byte
	// Family is the model_type of Config, such as "llama"; empty when unknown.
	Family string
	// Roles tells the layer and kind of each tensor; never nil in an opened model.
	Roles Roles
	// Files ride along as they are: tokenizer, generation config, chat template.
	Files []File
	// Vocab is the vocabulary of tokenizer.json, read when it is first asked
	// for; nil stands for what Files say. It is not to be changed.
	Vocab func() (*vocab.Tokenizer, error)
	// Adapter is the text of adapter_config.json when the weights are a LoRA
	// adapter and not a whole model.
	Adapter []byte
	// Keeps is how many bytes reading the weights holds on to beside what is asked
	// for, until they are closed.
	Keeps int64
	// Notes are words for the user, such as that layers were inferred.
	Notes []string
}

// File is one file that rides along with a model.
type File struct {
	Name string // relative to the model directory, with slashes
	Path string // where it is on this machine; unused when Data is set
	Data []byte // content made by an op or the writer
}

// Read returns the file's content, which may have up to limit bytes.
func (f File) Read(limit int64) ([]byte, error) {
	if f.Data != nil {
		return f.Data, nil
	}
	in, err := os.Open(f.Path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = in.Close() }()
	text, err := io.ReadAll(io.LimitReader(in, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("%s has more than %d bytes", f.Path, limit)
	}
	return text, err
}

// VocabName is the file that holds a tokenizer's vocabulary.
const VocabName = "tokenizer.json"

// ErrNoVocab says that a model has no tokenizer.json.
var ErrNoVocab = errors.New("there is no tokenizer.json")

// VocabOf returns what reads the vocabulary among files, once for all who ask.
func VocabOf(files []File) func() (*vocab.Tokenizer, error) {
	return sync.OnceValues(func() (*vocab.Tokenizer, error) {
		i := slices.IndexFunc(files, func(f File) bool { return f.Name == VocabName })
		if i < 0 {
			return nil, ErrNoVocab
		}
		text, err := files[i].Read(vocab.MaxFile)
		if err != nil {
			return nil, err
		}
		return vocab.Parse(text)
	})
}

// Roles maps tensors to their place in the network.
type Roles interface {
	// Role never fails: a tensor it does not know is Other outside the layers.
	Role(name string, shape Shape) Role
	// Layers is the number of transformer layers.
	Layers() int
}
