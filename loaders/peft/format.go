package peft

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/rouxml/roux/loaders"
	"github.com/rouxml/roux/loaders/arch"
	"github.com/rouxml/roux/loaders/safetensors"
	"github.com/rouxml/roux/loaders/torch"
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/lora"
)

// Format stores LoRA adapters as PEFT loads them.
var Format = loaders.Format{
	Name: "peft", Version: 2, Doc: "A LoRA adapter directory as PEFT loads it, with adapter_model.safetensors or, only read, adapter_model.bin.",
	Sniff: Is,
	Open:  openAlone,
	Stores: func(info tensor.Info) error {
		if info.Quant != nil {
			return fmt.Errorf("an adapter cannot store %s", info.Quant)
		}
		return nil
	},
	Create: create,
	Files: func(m *tensor.Model, _ loaders.WriteOptions) ([]loaders.FileSize, error) {
		if err := isAdapter(m); err != nil {
			return nil, err
		}
		kept, _ := split(m.Weights.Infos())
		return append(safetensors.Layout("adapter_model", oneFile, kept), loaders.FileSize{Name: ConfigName}), nil
	},
}

// oneFile is a shard size that is never reached: an adapter is one file,
// whatever its size, for PEFT knows no shards.
const oneFile = 1 << 62

// openAlone opens an adapter as a model of its own: its tensors as they are
// stored, with the roles of the weights that they belong to.
func openAlone(_ context.Context, dir string) (*tensor.Model, io.Closer, error) {
	a, err := Open(dir)
	if err != nil {
		return nil, nil, err
	}
	roles, err := arch.Resolve(nil, weights(a.Layout))
	if err != nil {
		return nil, nil, errors.Join(err, a.Close())
	}
	return &tensor.Model{Weights: a.file, Roles: lora.Roles{Base: roles}, Adapter: a.Text, Keeps: torch.Keeps(a.file)}, a, nil
}

// weights are the headers of the base as far as an adapter tells them.
func weights(l *lora.Layout) []tensor.Info {
	var infos []tensor.Info
	for _, m := range l.Modules {
		infos = append(infos, tensor.Info{Name: m.Name + ".weight", DType: m.A.DType, Shape: tensor.Shape{m.Out, m.In}})
	}
	for _, s := range l.Saved {
		infos = append(infos, tensor.Info{Name: s.Name, DType: s.Info.DType, Shape: s.Info.Shape})
	}
	return infos
}

func isAdapter(m *tensor.Model) error {
	if m.Adapter == nil {
		return errors.New("format peft stores adapters, and this is a whole model: use format: safetensors, or adapter.extract before it")
	}
	return nil
}

func create(dir string, m *tensor.Model, _ loaders.WriteOptions) (tensor.Sink, error) {
	if err := isAdapter(m); err != nil {
		return nil, err
	}
	c := &configured{Sink: safetensors.Create(dir, "adapter_model", oneFile), dir: dir, config: m.Adapter}
	if _, reports := split(m.Weights.Infos()); len(reports) > 0 {
		return &trimmer{Sink: safetensors.Create(dir, paddedName, oneFile), into: c, model: m}, nil
	}
	return c, nil
}

// configured writes the adapter's config beside its weights.
type configured struct {
	tensor.Sink
	dir    string
	config []byte
}

// Commit writes the config, then the weights for good.
func (s *configured) Commit(ctx context.Context) error {
	if err := os.WriteFile(filepath.Join(s.dir, ConfigName), s.config, 0o644); err != nil {
		return err
	}
	return s.Sink.Commit(ctx)
}

// Abort removes the weights, and the config of a Commit that failed.
func (s *configured) Abort() error {
	err := os.Remove(filepath.Join(s.dir, ConfigName))
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, s.Sink.Abort())
}
