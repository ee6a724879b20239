package modeldir

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/rouxml/roux/loaders"
	"github.com/rouxml/roux/loaders/arch"
	"github.com/rouxml/roux/loaders/safetensors"
	"github.com/rouxml/roux/loaders/shards"
	"github.com/rouxml/roux/loaders/torch"
	"github.com/rouxml/roux/tensor"
)

// PyTorch is how models were stored before safetensors; it is only read. Where
// a directory has both, safetensors is taken.
var PyTorch = loaders.Format{
	Name: "pytorch", Version: 1, Doc: "A model directory with pytorch_model.bin or its shards, read without running any code.",
	Sniff: func(path string) bool { return torch.Form.In(path) && !safetensors.Form.In(path) }, Open: OpenPyTorch,
}

// PyTorchFile is one state dict; it is only read.
var PyTorchFile = loaders.Format{
	Name: "pytorch-file", Version: 1, Doc: "One .bin, .pt or .pth file with a state dict, read without running any code.", Sniff: torch.IsFile, Open: OpenPyTorchFile,
}

// OpenPyTorch opens a model directory of PyTorch files. A head that is saved
// as the embedding once more is left out where the config ties them, as in
// safetensors.
func OpenPyTorch(_ context.Context, dir string) (*tensor.Model, io.Closer, error) {
	weights, err := torch.OpenDir(dir)
	if err != nil {
		return nil, nil, err
	}
	loose, err := untie(dir, weights)
	if err != nil {
		return nil, nil, errors.Join(err, weights.Close())
	}
	return opened(dir, loose)
}

// OpenPyTorchFile opens a bare state dict.
func OpenPyTorchFile(_ context.Context, path string) (*tensor.Model, io.Closer, error) {
	weights, err := torch.Open(path)
	if err != nil {
		return nil, nil, err
	}
	return bare(weights)
}

// untie hides the second name of a tied embedding.
func untie(dir string, weights *shards.Dir) (shards.File, error) {
	config, err := readConfig(dir)
	if err != nil || config == nil {
		return weights, err
	}
	a, err := arch.Resolve(config, weights.Infos())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	if !a.Tied(config, nil) {
		return weights, nil
	}
	var embed, head tensor.Info
	for _, info := range weights.Infos() {
		switch role := a.Role(info.Name, info.Shape); {
		case role.Layer >= 0 || len(info.Shape) != 2:
		case role.Kind == tensor.Embed && embed.Name == "":
			embed = info
		case role.Kind == tensor.Head:
			head = info
		}
	}
	if embed.Name == "" || head.Name == "" || !torch.Same(weights, embed.Name, head.Name) {
		return weights, nil
	}
	rest := slices.DeleteFunc(slices.Clone(weights.Infos()), func(info tensor.Info) bool { return info.Name == head.Name })
	return without{weights, head.Name, rest}, nil
}

// without is weights less one tensor.
type without struct {
	shards.File
	name  string
	infos []tensor.Info
}

// Infos lists the headers of the others.
func (w without) Infos() []tensor.Info { return w.infos }

// Tensor returns one of the others.
func (w without) Tensor(name string) (tensor.Tensor, bool) {
	if name == w.name {
		return nil, false
	}
	return w.File.Tensor(name)
}
