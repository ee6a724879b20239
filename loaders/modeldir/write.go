package modeldir

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
	"github.com/rouxml/roux/tensor"
)

// Safetensors is the format that transformers, vLLM and converters load.
var Safetensors = loaders.Format{
	Name: "safetensors", Version: 1, Doc: "A model directory as transformers lays it out, with plain weights.",
	Sniff: func(path string) bool { return safetensors.Form.In(path) && !isCompressed(path) }, Open: Open, Stores: storesPlain, Create: createPlain, Files: filesPlain,
}

// File is one bare file of weights; it is only read.
var File = loaders.Format{
	Name: "safetensors-file", Version: 1, Doc: "One .safetensors file without a config.", Sniff: IsFile, Open: OpenFile,
}

func storesPlain(info tensor.Info) error {
	if info.Quant != nil && info.Quant.Block != tensor.NoBlock {
		return fmt.Errorf("safetensors cannot store %s: put a step with op: edit.cast before the output, which takes the values out of the blocks", info.Quant)
	}
	if info.Quant != nil {
		return fmt.Errorf("plain safetensors cannot store %s: use format: compressed-tensors", info.Quant)
	}
	return nil
}

// noAdapter refuses what a model directory cannot say.
func noAdapter(m *tensor.Model) error {
	if m.Adapter != nil {
		return errors.New("this is a LoRA adapter and no whole model: say format: peft, or add it to its base with adapter.apply before")
	}
	return nil
}

func createPlain(dir string, m *tensor.Model, o loaders.WriteOptions) (tensor.Sink, error) {
	if err := noAdapter(m); err != nil {
		return nil, err
	}
	return &sink{dir: dir, model: m, Sink: safetensors.Create(dir, "model", o.ShardBytes)}, nil
}

func filesPlain(m *tensor.Model, o loaders.WriteOptions) ([]loaders.FileSize, error) {
	if err := noAdapter(m); err != nil {
		return nil, err
	}
	return beside(m, safetensors.Layout("model", o.ShardBytes, m.Weights.Infos())), nil
}

// beside adds to weights what a sink writes beside them.
func beside(m *tensor.Model, weights []loaders.FileSize) []loaders.FileSize {
	if m.Config != nil {
		weights = append(weights, loaders.FileSize{Name: "config.json"})
	}
	for _, f := range m.Files {
		weights = append(weights, loaders.FileSize{Name: f.Name})
	}
	return weights
}

// sink writes a model's config and riders beside its weights.
type sink struct {
	tensor.Sink
	dir   string
	model *tensor.Model
	// edit changes config.json last; nil leaves it.
	edit func(config []byte) ([]byte, error)
	made []string // files written beside the weights
}

// Commit writes config and riders, then the weights for good.
func (s *sink) Commit(ctx context.Context) error {
	if err := s.config(); err != nil {
		return err
	}
	for _, f := range s.model.Files {
		s.made = append(s.made, f.Name)
		if err := carry(s.dir, f); err != nil {
			return err
		}
	}
	return s.Sink.Commit(ctx)
}

// Abort removes the weights, and what a Commit that failed wrote beside them.
func (s *sink) Abort() error {
	errs := []error{s.Sink.Abort()}
	for _, name := range s.made {
		if err := os.Remove(filepath.Join(s.dir, filepath.FromSlash(name))); !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// config writes config.json as the headers say it must be.
func (s *sink) config() error {
	if s.model.Config == nil {
		return nil
	}
	text, err := arch.Final(s.model.Config, s.model.Weights.Infos())
	if err == nil && s.edit != nil {
		text, err = s.edit(text)
	}
	if err != nil {
		return err
	}
	s.made = append(s.made, "config.json")
	return os.WriteFile(filepath.Join(s.dir, "config.json"), text, 0o644)
}

// carry copies a file that rides along.
func carry(dir string, f tensor.File) (err error) {
	to := filepath.Join(dir, filepath.FromSlash(f.Name))
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	if f.Data != nil {
		return os.WriteFile(to, f.Data, 0o644)
	}
	in, err := os.Open(f.Path)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, in)
	return err
}
