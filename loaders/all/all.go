// Package all is the bill of materials: every format that roux reads or writes.
package all

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/rouxml/roux/loaders"
	"github.com/rouxml/roux/loaders/gguf"
	"github.com/rouxml/roux/loaders/hub"
	"github.com/rouxml/roux/loaders/modeldir"
	"github.com/rouxml/roux/loaders/peft"
	"github.com/rouxml/roux/tensor"
)

// Registry returns every format.
func Registry() (loaders.Registry, error) {
	return loaders.NewRegistry(modeldir.Safetensors, modeldir.File, modeldir.Compressed, modeldir.PyTorch, modeldir.PyTorchFile, peft.Format, gguf.Format)
}

// Ref names a model: a path on this machine, or a Hub id with a revision; and
// a LoRA adapter, likewise, to be applied to it.
type Ref struct {
	Path, Revision           string
	Adapter, AdapterRevision string
}

// Open opens a model, fetching what is a Hub id and not in the cache yet.
func Open(ctx context.Context, ref Ref, client hub.Client) (*tensor.Model, io.Closer, error) {
	r, err := Registry()
	if err != nil {
		return nil, nil, err
	}
	path, err := locate(ctx, ref.Path, ref.Revision, client)
	if err != nil {
		return nil, nil, err
	}
	m, closer, err := r.Open(ctx, path)
	if err != nil || ref.Adapter == "" {
		return m, closer, err
	}
	with, both, err := adapt(ctx, m, closer, ref, client)
	if err != nil {
		return nil, nil, errors.Join(err, closer.Close())
	}
	return with, both, nil
}

func adapt(ctx context.Context, m *tensor.Model, base io.Closer, ref Ref, client hub.Client) (*tensor.Model, io.Closer, error) {
	path, err := locate(ctx, ref.Adapter, ref.AdapterRevision, client)
	if err != nil {
		return nil, nil, err
	}
	a, err := peft.Open(path)
	if err != nil {
		return nil, nil, err
	}
	with, err := peft.Apply(m, a)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("%s on %s: %w", ref.Adapter, ref.Path, err), a.Close())
	}
	return with, closers{base, a}, nil
}

// locate returns where a reference lies on this machine: as a path, or in the
// Hub's cache.
func locate(ctx context.Context, path, revision string, client hub.Client) (string, error) {
	_, err := os.Stat(path)
	if err == nil && revision == "" {
		return path, nil
	}
	if _, parent := os.Stat(filepath.Dir(path)); !hub.IsID(path) || filepath.Dir(path) != "." && parent == nil {
		return path, nil // opening it says what is wrong
	}
	dir, _, err := client.Snapshot(ctx, path, revision)
	if err != nil {
		return "", fmt.Errorf("%s is no path on this machine, and as a Hub id: %w", path, err)
	}
	return dir, nil
}

type closers []io.Closer

// Close closes all.
func (cs closers) Close() error {
	var errs []error
	for _, c := range cs {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}
