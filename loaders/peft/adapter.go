// Package peft reads LoRA adapters as PEFT stores them and applies them to a
// base model lazily (Hu et al. 2021, "LoRA"): W + scale * B A.
package peft

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rouxml/roux/loaders"
	"github.com/rouxml/roux/loaders/safetensors"
	"github.com/rouxml/roux/tensor"
)

// The names of an adapter's files.
const (
	ConfigName  = "adapter_config.json"
	WeightsName = "adapter_model.safetensors"
)

// maxConfig bounds adapter_config.json.
const maxConfig = 16 << 20

// Config is the part of adapter_config.json that changes what is computed.
type Config struct {
	Type         string             `json:"peft_type"`
	Rank         float64            `json:"r"`
	Alpha        float64            `json:"lora_alpha"`
	RankPattern  map[string]float64 `json:"rank_pattern"`
	AlphaPattern map[string]float64 `json:"alpha_pattern"`
	RSLoRA       bool               `json:"use_rslora"`
	DoRA         bool               `json:"use_dora"`
	FanInFanOut  bool               `json:"fan_in_fan_out"`
	Bias         string             `json:"bias"`
}

// ParseConfig reads adapter_config.json and refuses what cannot be applied, by
// the name of the feature.
func ParseConfig(text []byte) (Config, error) {
	var c Config
	if err := json.Unmarshal(text, &c); err != nil {
		return c, fmt.Errorf("%s: %w", ConfigName, err)
	}
	switch {
	case c.Type != "LORA":
		return c, fmt.Errorf("%s: peft_type %q: only LORA can be applied", ConfigName, c.Type)
	case c.DoRA:
		return c, fmt.Errorf("%s: use_dora: DoRA adapters cannot be applied yet; merge it with PEFT first", ConfigName)
	case c.Bias != "" && c.Bias != "none":
		return c, fmt.Errorf("%s: bias %q: only adapters with bias none can be applied", ConfigName, c.Bias)
	}
	return c, nil
}

// scale is what the product is multiplied by, for one module.
func (c Config) scale(module string, rank int) float64 {
	alpha := c.Alpha
	for _, pattern := range sortedKeys(c.AlphaPattern) {
		if module == pattern || strings.HasSuffix(module, "."+pattern) {
			alpha = c.AlphaPattern[pattern]
		}
	}
	if c.RSLoRA {
		return alpha / math.Sqrt(float64(rank))
	}
	return alpha / float64(rank)
}

func sortedKeys(m map[string]float64) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// pair is the two factors for one module: A is rank x in, B is out x rank.
type pair struct{ a, b tensor.Tensor }

// Adapter is an open LoRA adapter.
type Adapter struct {
	Config Config
	Text   []byte // adapter_config.json
	file   *safetensors.File
	pairs  map[string]*pair         // by module, such as "model.layers.0.mlp.up_proj"
	full   map[string]tensor.Tensor // modules_to_save: whole tensors
}

// Is says whether the path is an adapter's directory.
func Is(path string) bool {
	_, err := os.Stat(filepath.Join(path, ConfigName))
	return err == nil
}

// Open reads an adapter directory's headers.
func Open(dir string) (*Adapter, error) {
	for _, name := range []string{ConfigName, WeightsName} {
		if err := loaders.Inside(dir, name); err != nil {
			return nil, err
		}
	}
	path := filepath.Join(dir, ConfigName)
	info, err := os.Stat(path)
	if err == nil && info.Size() > maxConfig {
		err = fmt.Errorf("it has %d bytes", info.Size())
	}
	if err != nil {
		return nil, fmt.Errorf("%s is no LoRA adapter: %w", dir, err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c, err := ParseConfig(text)
	if err != nil {
		return nil, fmt.Errorf("adapter %s: %w", dir, err)
	}
	f, err := safetensors.Open(filepath.Join(dir, WeightsName))
	if err != nil {
		return nil, fmt.Errorf("adapter %s: %w", dir, err)
	}
	a := &Adapter{Config: c, Text: text, file: f, pairs: map[string]*pair{}, full: map[string]tensor.Tensor{}}
	if err := a.sort(); err != nil {
		return nil, errors.Join(fmt.Errorf("adapter %s: %w", dir, err), f.Close())
	}
	return a, nil
}

// sort files the tensors by what they are for.
func (a *Adapter) sort() error {
	for _, info := range a.file.Infos() {
		t, _ := a.file.Tensor(info.Name)
		name := strings.TrimPrefix(info.Name, "base_model.model.")
		module, part, ok := cutLoRA(name)
		switch {
		case !ok:
			a.full[strings.Replace(name, ".modules_to_save.default", "", 1)] = t
		case strings.HasPrefix(part, "embedding"):
			return fmt.Errorf("tensor %s: LoRA on embeddings cannot be applied yet; merge it with PEFT first", info.Name)
		case part == "A":
			a.of(module).a = t
		case part == "B":
			a.of(module).b = t
		default:
			return fmt.Errorf("tensor %s is no part of LoRA that is known", info.Name)
		}
	}
	for module, p := range a.pairs {
		if p.a == nil || p.b == nil {
			return fmt.Errorf("module %s lacks one of its two factors", module)
		}
	}
	return nil
}

func (a *Adapter) of(module string) *pair {
	if a.pairs[module] == nil {
		a.pairs[module] = &pair{}
	}
	return a.pairs[module]
}

// cutLoRA splits "x.y.lora_A.weight" into "x.y" and "A".
func cutLoRA(name string) (module, part string, ok bool) {
	module, part, ok = strings.Cut(name, ".lora_")
	part = strings.TrimSuffix(strings.TrimSuffix(part, ".weight"), ".default")
	return module, part, ok
}

// Close releases the adapter's file.
func (a *Adapter) Close() error { return a.file.Close() }
