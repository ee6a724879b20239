package gguf

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

//go:embed families/*.json
var data embed.FS

// family is what a data file says of one architecture.
type family struct {
	Like      string `json:"like"` // the file whose names and config come first
	Arch      string `json:"arch"` // as general.architecture has it
	Experts   bool   `json:"experts"`
	ModelType string `json:"model_type"`
	Class     string `json:"class"`
	// Adjacent: llama.cpp rotates pairs of neighbours in this architecture, and
	// the rows of q and k are in an order to suit.
	Adjacent   bool    `json:"adjacent"`
	NormOffset float32 `json:"norm_offset"` // was added to the weights of norms
	Transposed bool    `json:"transposed"`  // Hugging Face has layers' matrices [in, out]
	ByHead     string  `json:"by_head"`     // a tensor whose rows Hugging Face has as q, k, v of each head
	// Names maps ggml's names, without weight or bias, to Hugging Face's; {i} is
	// the layer, {e} the place in the first dimension, which is split.
	Names map[string]*string `json:"names"`
	// Config maps keys of config.json to a key of the metadata; to one with a
	// default; or to "=name", a computed value.
	Config map[string]json.RawMessage `json:"config"`
}

// familyOf returns the family of an architecture, with or without experts.
func familyOf(arch string, experts bool) (family, error) {
	files, err := fs.Glob(data, "families/*.json")
	if err != nil {
		return family{}, err
	}
	var known []string
	var found *family
	for _, file := range files {
		f, err := readFamily(strings.TrimSuffix(path.Base(file), ".json"))
		if err != nil {
			return f, err
		}
		known = append(known, f.Arch)
		if f.Arch == arch && (found == nil || f.Experts == experts) {
			found = &f
		}
	}
	if found == nil {
		return family{}, fmt.Errorf("architecture %q has no Hugging Face names here; known are %s: start from the model's safetensors files", arch, strings.Join(slices.Compact(slices.Sorted(slices.Values(known))), ", "))
	}
	return *found, nil
}

// readFamily reads a file on top of the one that it is like.
func readFamily(name string) (f family, err error) {
	text, err := data.ReadFile("families/" + name + ".json")
	if err != nil {
		return f, err
	}
	if err := json.Unmarshal(text, &f); err != nil {
		return f, fmt.Errorf("families/%s.json: %w", name, err)
	}
	if f.Like == "" {
		return f, nil
	}
	base, err := readFamily(f.Like)
	maps.Copy(base.Names, f.Names)
	maps.Copy(base.Config, f.Config)
	f.Names, f.Config = base.Names, base.Config
	f.NormOffset = max(f.NormOffset, base.NormOffset)
	return f, err
}

// name maps a tensor's name; pattern is ggml's name with {i} for the layer and
// without its ending.
func (f *family) name(ggml string) (name, pattern string, ok bool) {
	pattern, layer := ggml, ""
	if rest, had := strings.CutPrefix(ggml, "blk."); had {
		number, rest, had := strings.Cut(rest, ".")
		if had {
			pattern, layer = "blk.{i}."+rest, number
		}
	}
	dot := strings.LastIndexByte(pattern, '.')
	if dot < 0 {
		return "", pattern, false
	}
	pattern, ending := pattern[:dot], pattern[dot:]
	to := f.Names[pattern]
	if to == nil {
		return "", pattern, false
	}
	return strings.ReplaceAll(*to, "{i}", layer) + ending, pattern, true
}
