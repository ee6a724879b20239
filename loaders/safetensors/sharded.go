package safetensors

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/rouxml/roux/loaders"
	"github.com/rouxml/roux/tensor"
)

// The names that transformers gives to a model's weights.
const (
	SingleName = "model.safetensors"
	IndexName  = "model.safetensors.index.json"
)

// maxIndex bounds the size of an index file.
const maxIndex = 256 << 20

// Dir is a directory of shards: a tensor.Source in the order of the shards'
// names and of the bytes in them.
type Dir struct {
	files []*File
	infos []tensor.Info
	where map[string]*File
}

// OpenDir opens a directory's model.safetensors, or the shards of its index.
func OpenDir(dir string) (*Dir, error) {
	index := filepath.Join(dir, IndexName)
	if _, err := os.Stat(index); err == nil {
		return openIndex(dir, index)
	}
	single := filepath.Join(dir, SingleName)
	if err := loaders.Inside(dir, SingleName); err != nil {
		return nil, err
	}
	f, err := Open(single)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s holds neither %s nor %s: %w", dir, SingleName, IndexName, err)
	}
	if err != nil {
		return nil, err
	}
	d := &Dir{where: map[string]*File{}}
	return d, d.add(f)
}

func openIndex(dir, path string) (*Dir, error) {
	shards, weightMap, err := readIndex(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	files := make([]*File, len(shards))
	var g errgroup.Group
	g.SetLimit(16)
	for i, name := range shards {
		g.Go(func() error {
			if err := loaders.Inside(dir, name); err != nil {
				return err
			}
			f, err := Open(filepath.Join(dir, name))
			if errors.Is(err, os.ErrNotExist) {
				err = fmt.Errorf("shard %s of %s is missing from %s: fetch it again", name, IndexName, dir)
			}
			files[i] = f
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	d := &Dir{where: make(map[string]*File, len(weightMap))}
	for _, f := range files {
		if err := d.add(f); err != nil {
			return nil, err
		}
	}
	return d, d.agree(path, weightMap)
}

// add takes over a shard's tensors.
func (d *Dir) add(f *File) error {
	d.files = append(d.files, f)
	for _, info := range f.infos {
		if other := d.where[info.Name]; other != nil {
			return fmt.Errorf("tensor %s lies in two shards, %s and %s: fetch the model again", info.Name, other.path, filepath.Base(f.path))
		}
		d.where[info.Name] = f
		d.infos = append(d.infos, info)
	}
	return nil
}

// agree holds the shards to their index.
func (d *Dir) agree(path string, weightMap map[string]string) error {
	var bad []string
	for name, shard := range weightMap {
		if f := d.where[name]; f == nil || filepath.Base(f.path) != shard {
			bad = append(bad, name)
		}
	}
	if len(bad) == 0 {
		return nil
	}
	slices.Sort(bad)
	return fmt.Errorf("%s: %d tensors are not in the shards that it names, %s first: fetch the model again", path, len(bad), bad[0])
}

// readIndex returns the shard names in order and the map of tensors to them.
func readIndex(path string) (shards []string, weightMap map[string]string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxIndex))
	if err != nil {
		return nil, nil, err
	}
	return parseIndex(text)
}

func parseIndex(text []byte) (shards []string, weightMap map[string]string, err error) {
	var raw struct {
		WeightMap map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, nil, fmt.Errorf("not an index of shards: %w", err)
	}
	if len(raw.WeightMap) == 0 {
		return nil, nil, errors.New("not an index of shards: weight_map is empty")
	}
	seen := map[string]bool{}
	for _, shard := range raw.WeightMap {
		if seen[shard] {
			continue
		}
		if !plainName(shard) {
			return nil, nil, fmt.Errorf("shard name %q is not a plain file name", shard)
		}
		seen[shard] = true
		shards = append(shards, shard)
	}
	slices.Sort(shards)
	return shards, raw.WeightMap, nil
}

func plainName(s string) bool {
	return s != "" && s != "." && s != ".." && !strings.ContainsAny(s, "/\\\x00") && strings.HasSuffix(s, ".safetensors")
}

// Infos lists all headers.
func (d *Dir) Infos() []tensor.Info { return d.infos }

// Tensor returns a tensor by name.
func (d *Dir) Tensor(name string) (tensor.Tensor, bool) {
	f, ok := d.where[name]
	if !ok {
		return nil, false
	}
	return f.Tensor(name)
}

// Close releases all shards.
func (d *Dir) Close() error {
	var errs []error
	for _, f := range d.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}
