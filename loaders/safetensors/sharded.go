package safetensors

import "github.com/rouxml/roux/loaders/shards"

// The names that transformers gives to a model's weights.
const (
	SingleName = "model.safetensors"
	IndexName  = "model.safetensors.index.json"
)

// Form is how the files of a model's directory are called.
var Form = shards.Form{Single: SingleName, Index: IndexName, Ext: ".safetensors"}

// OpenDir opens a directory's model.safetensors, or the shards of its index.
func OpenDir(dir string) (*shards.Dir, error) {
	return shards.Open(dir, Form, func(path string) (shards.File, error) { return Open(path) })
}
