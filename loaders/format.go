// Package loaders opens models and stores them. A Format is a value; package
// loaders/all joins the formats into a Registry. Readers here take untrusted
// files: every length is bounded and nothing is ever executed.
package loaders

import (
	"context"
	"errors"
	"io"

	"github.com/rouxml/roux/tensor"
)

// Format reads or stores one form of model.
type Format struct {
	Name string // as a recipe says it: "safetensors", "compressed-tensors", "peft"
	Doc  string // one sentence for help
	// Version is raised when Create writes other files than before for the same
	// model: outputs that stand are then written again.
	Version int
	// Sniff says whether the path is in this format. Nil: the format is only written.
	Sniff func(path string) bool
	// Open reads headers only. The Closer releases files; nothing of the model
	// may be used after it.
	Open func(ctx context.Context, path string) (*tensor.Model, io.Closer, error)
	// Stores returns nil if the format can store a tensor with that header and
	// otherwise an error that names a format which can.
	Stores func(tensor.Info) error
	// Create prepares to store a model into dir, an empty directory that the
	// caller publishes afterwards. Nil: the format is only read.
	Create func(dir string, m *tensor.Model, o WriteOptions) (tensor.Sink, error)
	// Files lists what a Sink of Create would leave for that model, from its
	// headers: what a plan shows. It comes with Create.
	Files func(m *tensor.Model, o WriteOptions) ([]FileSize, error)
}

// FileSize is a file that an output will have.
type FileSize struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes,omitempty"` // of the weights in it; 0 for other files
}

// WriteOptions are the choices of a recipe's output.
type WriteOptions struct {
	ShardBytes int64 // largest file of weights; 0 means 5 GB
}

// ErrUnknownFormat is the root of errors about paths that no format knows.
var ErrUnknownFormat = errors.New("no format knows this path")
