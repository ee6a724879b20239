package gguf

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/rouxml/roux/loaders"
	"github.com/rouxml/roux/loaders/arch"
	"github.com/rouxml/roux/tensor"
)

// Format reads models as llama.cpp has them.
var Format = loaders.Format{
	Name: "gguf", Version: 1, Doc: "One .gguf file as llama.cpp runs it, or the first of the pieces that it was split into; blocks of few bits are read as they are.", Sniff: Is, Open: Open,
}

// Is says whether the path is a GGUF file.
func Is(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && strings.HasSuffix(path, ".gguf")
}

// Open opens a model: tensors under Hugging Face's names and in its order, and
// a config.json made of the metadata.
func Open(_ context.Context, path string) (*tensor.Model, io.Closer, error) {
	f, err := openPieces(path)
	if err != nil {
		return nil, nil, err
	}
	m, err := describe(f)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	return m, f, nil
}

func describe(f pieces) (*tensor.Model, error) {
	md := &f.header().Metadata
	if err := complete(md); err != nil {
		return nil, err
	}
	name := md.Text("general.architecture")
	experts, _ := md.Int(name + ".expert_count")
	fam, err := familyOf(name, experts > 0)
	if err != nil {
		return nil, err
	}
	m, err := rename(f, fam)
	if err != nil {
		return nil, err
	}
	config, err := m.config()
	if err != nil {
		return nil, err
	}
	a, err := arch.Resolve(config, m.infos)
	if err != nil {
		return nil, err
	}
	out := &tensor.Model{Weights: m, Config: config, Roles: a, Family: a.Family(), Notes: a.Notes(), Files: riders(f.header())}
	if len(m.alien) > 0 {
		out.Notes = append(out.Notes, fmt.Sprintf("%d tensors have no Hugging Face name and keep ggml's, such as %s", len(m.alien), m.alien[0]))
	}
	return out, nil
}

// complete refuses files that hold something else.
func complete(md *Metadata) error {
	if kind := md.Text("general.type"); kind != "" && kind != "model" {
		return fmt.Errorf("it holds a %q and no model", kind)
	}
	if md.Text("general.architecture") == "" {
		return errors.New("key general.architecture is missing: it holds no model of llama.cpp")
	}
	return nil
}

// riders are the files beside the weights: the tokenizer's part of the
// metadata as a GGUF file of its own, as llama.cpp keeps bare vocabularies, and
// the tokenizer.json that a few converters put in.
func riders(h *Header) []tensor.File {
	var files []tensor.File
	if text := h.Metadata.Text("tokenizer.huggingface.json"); text != "" {
		files = append(files, tensor.File{Name: "tokenizer.json", Data: []byte(text)})
	}
	var vocabulary Metadata
	for _, key := range h.Metadata.keys {
		if strings.HasPrefix(key, "tokenizer.") && key != "tokenizer.huggingface.json" {
			vocabulary.Set(key, h.Metadata.values[key])
		}
	}
	if len(vocabulary.keys) == 0 {
		return files
	}
	vocabulary.Set("general.type", "vocab")
	return append(files, tensor.File{Name: VocabularyName, Data: slices.Clip(vocabulary.append(nil, 0))})
}

// VocabularyName is the file that carries a GGUF model's tokenizer beside its
// weights.
const VocabularyName = "tokenizer.gguf"
