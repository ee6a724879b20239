package engine

import (
	"context"
	"fmt"
	"io"

	"github.com/rouxml/roux/engine/cas"
	"github.com/rouxml/roux/loaders"
	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/recipes"
	"github.com/rouxml/roux/tensor"
)

// Options is what a run needs beside its recipe.
type Options struct {
	Ops     *ops.Registry
	Open    func(ctx context.Context, m recipes.Model) (*tensor.Model, io.Closer, error)
	Formats func(name string) (loaders.Format, error)
	// Tokenizer opens the tokenizer among the files that ride along with a model.
	Tokenizer func(files []tensor.File) (ops.Tokenizer, error)
	// Config makes config.json say what the headers of a model do, as an output
	// would have it.
	Config func(config []byte, infos []tensor.Info) ([]byte, error)
	// Data reads an entry of the recipe's data, for which it may take so many bytes,
	// and returns a digest of all that was read.
	Data func(ctx context.Context, d recipes.Data, memory int64) (*ops.Data, string, error)
	// Encode makes the file of an output that holds statistics; the ending of the
	// path says in which form.
	Encode  func(path string, s Statistics) ([]byte, error)
	Cache   *cas.Cache
	Memory  int64 // budget in bytes for buffers; 0 means half of what is free
	Workers int   // goroutines that compute; 0 means one for each core
	Events  func(Event)
	Force   bool      // replace output directories that roux did not write
	NaN     NaNPolicy // what to do with NaN and Inf in outputs; empty: as they say
	Version string    // of roux, for provenance

	CheckMemory bool // catch the use of buffers after their release; slow, for tests
}

// NaNPolicy says what happens to NaN and Inf elements of an output.
type NaNPolicy string

// The policies: keep them and warn, write zeros and warn, or fail.
const (
	NaNKeep  NaNPolicy = "keep"
	NaNZero  NaNPolicy = "zero"
	NaNError NaNPolicy = "error"
)

// ParseNaNPolicy accepts keep, zero, error and nothing.
func ParseNaNPolicy(s string) (NaNPolicy, error) {
	switch p := NaNPolicy(s); p {
	case "", NaNKeep, NaNZero, NaNError:
		return p, nil
	}
	return "", fmt.Errorf("unknown NaN policy %q: use keep, zero or error", s)
}

func (o Options) emit(e Event) {
	if o.Events != nil {
		o.Events(e)
	}
}
