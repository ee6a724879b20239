// Package modeldir opens and stores models as transformers lays them out: a
// directory of weights, config, tokenizer and what else rides along.
package modeldir

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rouxml/roux/loaders"
	"github.com/rouxml/roux/loaders/arch"
	"github.com/rouxml/roux/loaders/gguf"
	"github.com/rouxml/roux/loaders/safetensors"
	"github.com/rouxml/roux/loaders/shards"
	"github.com/rouxml/roux/loaders/torch"
	"github.com/rouxml/roux/tensor"
)

// maxConfig bounds config.json.
const maxConfig = 16 << 20

// IsDir says whether the path is a directory with a model's weights.
func IsDir(path string) bool { return safetensors.Form.In(path) || torch.Form.In(path) }

// IsFile says whether the path is one safetensors file.
func IsFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && strings.HasSuffix(path, ".safetensors")
}

// Open opens a model directory.
func Open(_ context.Context, dir string) (*tensor.Model, io.Closer, error) {
	weights, err := safetensors.OpenDir(dir)
	if err != nil {
		return nil, nil, err
	}
	return opened(dir, weights)
}

// opened describes a directory's plain weights, which it closes on an error.
func opened(dir string, weights shards.File) (*tensor.Model, io.Closer, error) {
	m, err := describePlain(dir, weights)
	if err != nil {
		return nil, nil, errors.Join(err, weights.Close())
	}
	return m, weights, nil
}

// describePlain refuses codes that would be taken for weights.
func describePlain(dir string, weights tensor.Source) (*tensor.Model, error) {
	config, err := readConfig(dir)
	if err != nil {
		return nil, err
	}
	if q := quantizationOf(config); q != nil {
		return nil, fmt.Errorf("%s is quantized with %s, which cannot be read yet: start from the weights that it was made of", dir, cmp.Or(q.Method, "a method that quantization_config does not name"))
	}
	return describe(dir, weights, config)
}

// OpenFile opens bare weights.
func OpenFile(_ context.Context, path string) (*tensor.Model, io.Closer, error) {
	weights, err := safetensors.Open(path)
	if err != nil {
		return nil, nil, err
	}
	return bare(weights)
}

// bare describes weights that stand alone.
func bare(weights shards.File) (*tensor.Model, io.Closer, error) {
	a, err := arch.Resolve(nil, weights.Infos())
	if err != nil {
		return nil, nil, errors.Join(err, weights.Close())
	}
	return &tensor.Model{Weights: weights, Roles: a, Notes: a.Notes(), Keeps: torch.Keeps(weights)}, weights, nil
}

// readConfig reads config.json; nil when there is none.
func readConfig(dir string) ([]byte, error) {
	config, err := loaders.ReadInside(dir, "config.json", maxConfig)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return config, err
}

func describe(dir string, weights tensor.Source, config []byte) (*tensor.Model, error) {
	a, err := arch.Resolve(config, weights.Infos())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	m := &tensor.Model{Weights: weights, Config: config, Roles: a, Family: a.Family(), Notes: a.Notes(), Keeps: torch.Keeps(weights)}
	m.Files, err = riders(dir)
	return m, err
}

// rideAlong are the endings of files that belong to a model beside its
// weights. Python files of remote code are copied and never run.
var rideAlong = []string{".json", ".jinja", ".txt", ".model", ".py", ".tiktoken", gguf.VocabularyName}

// made are files that the writer makes anew.
var made = map[string]bool{"config.json": true, safetensors.IndexName: true, "roux.lock.json": true, "adapter_config.json": true}

// riders lists the files that ride along.
func riders(dir string) ([]tensor.File, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var files []tensor.File
	for _, e := range entries {
		name := e.Name()
		if !e.Type().IsRegular() && e.Type() != fs.ModeSymlink || made[name] || strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".index.json") {
			continue
		}
		if !slices.ContainsFunc(rideAlong, func(end string) bool { return strings.HasSuffix(name, end) }) {
			continue
		}
		if err := loaders.Inside(dir, name); err != nil {
			return nil, err
		}
		files = append(files, tensor.File{Name: name, Path: filepath.Join(dir, name)})
	}
	nested, err := code(dir)
	return append(files, nested...), err
}
