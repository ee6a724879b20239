// Package shards joins the files that a model's weights were cut into, as the
// index beside them says.
package shards

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/rouxml/roux/loaders"
	"github.com/rouxml/roux/tensor"
)

// Form says what the files of one form of weights are called.
type Form struct {
	Single string // the only file of a model in one piece: "model.safetensors"
	Index  string // the index of one in several: "model.safetensors.index.json"
	Ext    string // how the names of shards end: ".safetensors"
}

// In says whether a directory holds weights of the form.
func (f Form) In(dir string) bool {
	for _, name := range []string{f.Single, f.Index} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return true
		}
	}
	return false
}

// File is one open file of weights.
type File interface {
	tensor.Source
	io.Closer
}

// Dir is a directory of shards: a tensor.Source in the order of the shards'
// names and of the tensors in them.
type Dir struct {
	files []File
	infos []tensor.Info
	where map[string]*shard
}

type shard struct {
	name string
	file File
}

// Open opens the single file of a form in a directory, or the shards of its
// index. Where there are both it takes the single file, as transformers does.
// The open function reads headers alone.
func Open(dir string, form Form, open func(path string) (File, error)) (*Dir, error) {
	if _, err := os.Stat(filepath.Join(dir, form.Single)); err != nil {
		if _, err := os.Stat(filepath.Join(dir, form.Index)); err == nil {
			return openIndex(dir, form, open)
		}
	}
	if err := loaders.Inside(dir, form.Single); err != nil {
		return nil, err
	}
	f, err := open(filepath.Join(dir, form.Single))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s holds neither %s nor %s: %w", dir, form.Single, form.Index, err)
	}
	if err != nil {
		return nil, err
	}
	d := &Dir{where: map[string]*shard{}}
	return d, d.add(dir, form.Single, f)
}

func openIndex(dir string, form Form, open func(path string) (File, error)) (*Dir, error) {
	path := filepath.Join(dir, form.Index)
	names, weightMap, err := readIndex(dir, form)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	d := &Dir{where: make(map[string]*shard, len(weightMap))}
	files, err := openAll(dir, names, form, open)
	for i, f := range files {
		if err == nil {
			err = d.add(dir, names[i], f)
		} else if f != nil {
			d.files = append(d.files, f)
		}
	}
	if err == nil {
		err = d.agree(path, weightMap)
	}
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// openAll opens the shards; those that opened are returned with an error, too.
func openAll(dir string, names []string, form Form, open func(path string) (File, error)) ([]File, error) {
	files := make([]File, len(names))
	var g errgroup.Group
	g.SetLimit(16)
	for i, name := range names {
		g.Go(func() error {
			if err := loaders.Inside(dir, name); err != nil {
				return err
			}
			f, err := open(filepath.Join(dir, name))
			if errors.Is(err, os.ErrNotExist) {
				err = fmt.Errorf("shard %s of %s is missing from %s: fetch it again", name, form.Index, dir)
			}
			if err == nil {
				files[i] = f
			}
			return err
		})
	}
	err := g.Wait()
	return files, err
}

// add takes over a shard's tensors.
func (d *Dir) add(dir, name string, f File) error {
	d.files = append(d.files, f)
	here := &shard{name, f}
	d.infos = slices.Grow(d.infos, len(f.Infos()))
	for _, info := range f.Infos() {
		if other, ok := d.where[info.Name]; ok {
			return fmt.Errorf("tensor %s lies in two shards, %s and %s: fetch the model again", info.Name, filepath.Join(dir, other.name), name)
		}
		d.where[info.Name] = here
		d.infos = append(d.infos, info)
	}
	return nil
}

// agree holds the shards to their index.
func (d *Dir) agree(path string, weightMap map[string]string) error {
	var bad []string
	for name, want := range weightMap {
		if s := d.where[name]; s == nil || s.name != want {
			bad = append(bad, name)
		}
	}
	if len(bad) == 0 {
		return nil
	}
	slices.Sort(bad)
	return fmt.Errorf("%s: %d tensors are not in the shards that it names, %s first: fetch the model again", path, len(bad), bad[0])
}

// Infos lists all headers.
func (d *Dir) Infos() []tensor.Info { return d.infos }

// Tensor returns a tensor by name.
func (d *Dir) Tensor(name string) (tensor.Tensor, bool) {
	s, ok := d.where[name]
	if !ok {
		return nil, false
	}
	return s.file.Tensor(name)
}

// Close releases all shards.
func (d *Dir) Close() error {
	var errs []error
	for _, f := range d.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}
