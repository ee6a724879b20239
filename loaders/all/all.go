// Package all is the bill of materials: every format that roux reads or writes.
package all

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/rouxml/roux/loaders"
	"github.com/rouxml/roux/loaders/modeldir"
	"github.com/rouxml/roux/loaders/peft"
	"github.com/rouxml/roux/tensor"
)

// Registry returns every format.
func Registry() (loaders.Registry, error) {
	return loaders.NewRegistry(modeldir.Safetensors, modeldir.File, modeldir.Compressed, peft.Format)
}

// Open opens the model at a path, with a LoRA adapter applied when one is
// named.
func Open(ctx context.Context, path, adapter string) (*tensor.Model, io.Closer, error) {
	r, err := Registry()
	if err != nil {
		return nil, nil, err
	}
	if peft.Is(path) && !modeldir.IsDir(path) {
		return nil, nil, fmt.Errorf("%s is a LoRA adapter: name it with its base, as {path: BASE, adapter: %s}", path, path)
	}
	m, closer, err := r.Open(ctx, path)
	if err != nil || adapter == "" {
		return m, closer, err
	}
	a, err := peft.Open(adapter)
	if err != nil {
		return nil, nil, errors.Join(err, closer.Close())
	}
	both := closers{closer, a}
	with, err := peft.Apply(m, a)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("%s on %s: %w", adapter, path, err), both.Close())
	}
	return with, both, nil
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
