package peft

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/rouxml/roux/loaders"
	"github.com/rouxml/roux/loaders/safetensors"
	"github.com/rouxml/roux/tensor"
)

// Format stores LoRA adapters as PEFT loads them.
var Format = loaders.Format{
	Name: "peft", Version: 1, Doc: "A LoRA adapter directory as PEFT loads it.",
	Stores: func(info tensor.Info) error {
		if info.Quant != nil {
			return fmt.Errorf("an adapter cannot store %s", info.Quant)
		}
		return nil
	},
	Create: create,
	Files: func(m *tensor.Model, _ loaders.WriteOptions) ([]loaders.FileSize, error) {
		return append(safetensors.Layout("adapter_model", oneFile, m.Weights.Infos()), loaders.FileSize{Name: ConfigName}), nil
	},
}

// oneFile is a shard size that is never reached: an adapter is one file,
// whatever its size, for PEFT knows no shards.
const oneFile = 1 << 62

func create(dir string, m *tensor.Model, _ loaders.WriteOptions) (tensor.Sink, error) {
	if m.Adapter == nil {
		return nil, fmt.Errorf("format peft stores adapters, and this is a whole model: use format: safetensors, or adapter.extract before it")
	}
	return &sink{Sink: safetensors.Create(dir, "adapter_model", oneFile), dir: dir, config: m.Adapter}, nil
}

// sink writes the adapter's config beside its weights.
type sink struct {
	tensor.Sink
	dir    string
	config []byte
}

// Commit writes the config, then the weights for good.
func (s *sink) Commit(ctx context.Context) error {
	if err := os.WriteFile(filepath.Join(s.dir, ConfigName), s.config, 0o644); err != nil {
		return err
	}
	return s.Sink.Commit(ctx)
}

// Abort removes the weights, and the config of a Commit that failed.
func (s *sink) Abort() error {
	err := os.Remove(filepath.Join(s.dir, ConfigName))
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, s.Sink.Abort())
}
