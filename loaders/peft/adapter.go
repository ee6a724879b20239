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
	"github.com/rouxml/roux/tensor/lora"
)

// The names of an adapter's files.
const (
	ConfigName  = lora.ConfigName
	WeightsName = "adapter_model.safetensors"
)

// maxConfig bounds adapter_config.json.
const maxConfig = 16 << 20

// Adapter is an open LoRA adapter.
type Adapter struct {
	Text   []byte // adapter_config.json
	Layout *lora.Layout
	file   *safetensors.File
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
	f, err := safetensors.Open(filepath.Join(dir, WeightsName))
	if err != nil {
		return nil, fmt.Errorf("adapter %s: %w", dir, noWeights(dir, err))
	}
	layout, err := lora.Read(text, f.Infos())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("adapter %s: %w", dir, err), f.Close())
	}
	return &Adapter{Text: text, Layout: layout, file: f}, nil
}

func readConfig(dir string) ([]byte, error) {
	if err := loaders.Inside(dir, WeightsName); err != nil {
		return nil, err
	}
	text, err := loaders.ReadInside(dir, ConfigName, maxConfig)
	if err != nil {
		return nil, fmt.Errorf("%s is no LoRA adapter: %w", dir, err)
	}
	return text, nil
}

// noWeights says what to do about an adapter that PEFT pickled.
func noWeights(dir string, err error) error {
	if _, bin := os.Stat(filepath.Join(dir, "adapter_model.bin")); bin == nil && errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("its weights are a pickle, adapter_model.bin: load it with PEFT and save_pretrained it again, which writes %s", WeightsName)
	}
	return err
}

// Close releases the adapter's file.
func (a *Adapter) Close() error { return a.file.Close() }
