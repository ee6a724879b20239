package loaders

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"

	"github.com/rouxml/roux/tensor"
)

// Registry is an immutable collection of formats.
type Registry struct{ formats []Format }

// NewRegistry refuses two formats of one name and one without a word about it.
func NewRegistry(formats ...Format) (Registry, error) {
	seen := map[string]bool{}
	for _, f := range formats {
		if f.Name == "" || f.Version < 1 || f.Doc == "" || seen[f.Name] || (f.Open == nil && f.Create == nil) || (f.Create != nil && (f.Stores == nil || f.Files == nil)) {
			return Registry{}, fmt.Errorf("format %q: a format has a name of its own, a Version, a Doc, and Open or Create with Stores and Files", f.Name)
		}
		seen[f.Name] = true
	}
	return Registry{slices.Clone(formats)}, nil
}

// Formats lists the formats.
func (r Registry) Formats() []Format { return slices.Clone(r.formats) }

// Format returns the format of that name.
func (r Registry) Format(name string) (Format, error) {
	best, dist := "", 4
	var names []string
	for _, f := range r.formats {
		if f.Name == name {
			return f, nil
		}
		if f.Create != nil {
			names = append(names, f.Name)
		}
		if d := levenshtein.ComputeDistance(name, f.Name); d < dist {
			best, dist = f.Name, d
		}
	}
	if best != "" {
		return Format{}, fmt.Errorf("unknown format %q: did you mean %q?", name, best)
	}
	return Format{}, fmt.Errorf("unknown format %q: known are %s", name, strings.Join(names, ", "))
}

// Open opens a local path in whatever format it is.
func (r Registry) Open(ctx context.Context, path string) (*tensor.Model, io.Closer, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, nil, missing(path, err)
	}
	for _, f := range r.formats {
		if f.Sniff != nil && f.Sniff(path) {
			return f.Open(ctx, path)
		}
	}
	return nil, nil, fmt.Errorf("%s: %w; roux reads directories with model.safetensors or pytorch_model.bin or an index of either, and .safetensors, .bin, .pt, .pth and .gguf files", path, ErrUnknownFormat)
}

// missing says what stands near a path that does not exist.
func missing(path string, err error) error {
	entries, dirErr := os.ReadDir(filepath.Dir(path))
	if !errors.Is(err, os.ErrNotExist) || dirErr != nil {
		return err
	}
	best, dist := "", len(filepath.Base(path))/2+1
	for _, e := range entries {
		if d := levenshtein.ComputeDistance(filepath.Base(path), e.Name()); d < dist {
			best, dist = e.Name(), d
		}
	}
	if best != "" {
		return fmt.Errorf("%s does not exist: did you mean %s?", path, filepath.Join(filepath.Dir(path), best))
	}
	return fmt.Errorf("%s does not exist: %w", path, os.ErrNotExist)
}
