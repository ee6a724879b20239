// Package peft reads LoRA adapters as PEFT stores them, applies them to a base
// model lazily (Hu et al. 2021, "LoRA": W + scale * B A), and writes them.
package peft

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/rouxml/roux/loaders"
	"github.com/rouxml/roux/loaders/safetensors"
	"github.com/rouxml/roux/loaders/shards"
	"github.com/rouxml/roux/loaders/torch"
	"github.com/rouxml/roux/tensor/lora"
)

// The names of an adapter's files. PickledName is what PEFT wrote before 0.6;
// it is read where the other is missing, and never written.
const (
	ConfigName  = lora.ConfigName
	WeightsName = "adapter_model.safetensors"
	PickledName = "adapter_model.bin"
)

// maxConfig bounds adapter_config.json.
const maxConfig = 16 << 20

// Adapter is an open LoRA adapter.
type Adapter struct {
	Text   []byte // adapter_config.json
	Layout *lora.Layout
	file   shards.File
}

// Is says whether the path is an adapter's directory.
func Is(path string) bool {
	_, err := os.Stat(filepath.Join(path, ConfigName))
	return err == nil
}

// Open reads an adapter directory's headers.
func Open(dir string) (*Adapter, error) {
	text, err := readConfig(dir)
	if err != nil {
		return nil, err
	}
	if _, err := lora.ParseConfig(text); err != nil {
		return nil, fmt.Errorf("adapter %s: %w", dir, err)
	}
	f, err := openWeights(dir)
	if err != nil {
		return nil, fmt.Errorf("adapter %s: %w", dir, err)
	}
	layout, err := lora.Read(text, f.Infos())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("adapter %s: %w", dir, err), f.Close())
	}
	return &Adapter{Text: text, Layout: layout, file: f}, nil
}

func readConfig(dir string) ([]byte, error) {
	text, err := loaders.ReadInside(dir, ConfigName, maxConfig)
	if err != nil {
		return nil, fmt.Errorf("%s is no LoRA adapter: %w", dir, err)
	}
	return text, nil
}

// openWeights opens the file that PEFT would load.
func openWeights(dir string) (shards.File, error) {
	name := WeightsName
	if _, err := os.Stat(filepath.Join(dir, WeightsName)); errors.Is(err, os.ErrNotExist) {
		if _, err := os.Stat(filepath.Join(dir, PickledName)); err == nil {
			name = PickledName
		}
	}
	if err := loaders.Inside(dir, name); err != nil {
		return nil, err
	}
	if name == PickledName {
		return torch.Open(filepath.Join(dir, name))
	}
	return safetensors.Open(filepath.Join(dir, name))
}

// Close releases the adapter's file.
func (a *Adapter) Close() error { return a.file.Close() }
