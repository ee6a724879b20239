package gguf

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"github.com/rouxml/roux/loaders"
)

// pieces are the files that a model was cut into, as llama-gguf-split does it:
// the first has the metadata, and each lists its own tensors.
type pieces []*File

// pieceName is how the names of pieces end: which it is, from one on, and of
// how many.
const pieceName = "-%05d-of-%05d.gguf"

// maxPieces is what fits that name.
const maxPieces = 99999

// openPieces opens a file, and the others if it is the first of several.
func openPieces(path string) (pieces, error) {
	first, err := OpenFile(path)
	if err != nil {
		return nil, err
	}
	ps := pieces{first}
	if err := ps.openRest(path); err != nil {
		return nil, errors.Join(err, ps.Close())
	}
	return ps, nil
}

func (ps *pieces) openRest(path string) error {
	md := &(*ps)[0].header.Metadata
	count, _ := md.Int("split.count")
	if count <= 1 {
		return nil
	}
	dir, prefix, err := ps.place(path, count)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for no := int64(1); no < count; no++ {
		name := prefix + fmt.Sprintf(pieceName, no+1, count)
		if err := loaders.Inside(dir, name); err != nil {
			return err
		}
		f, err := OpenFile(filepath.Join(dir, name))
		if errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("%s is the first of %d pieces and %s is missing beside it: fetch it too", path, count, name)
		}
		if err != nil {
			return err
		}
		*ps = append(*ps, f)
		if err := f.isPiece(no, count); err != nil {
			return fmt.Errorf("%s: %w", filepath.Join(dir, name), err)
		}
	}
	return ps.complete(path)
}

// place takes the name of the first piece apart.
func (ps *pieces) place(path string, count int64) (dir, prefix string, err error) {
	if count > maxPieces {
		return "", "", fmt.Errorf("it says that it is one of %d pieces, and there may be %d", count, maxPieces)
	}
	dir, name := filepath.Split(path)
	parts := regexp.MustCompile(`^(.*)-\d{5}-of-\d{5}\.gguf$`).FindStringSubmatch(name)
	if parts == nil {
		parts = []string{"", "NAME"}
	}
	first := parts[1] + fmt.Sprintf(pieceName, 1, count)
	if no, _ := (*ps)[0].header.Metadata.Int("split.no"); no != 0 {
		return "", "", fmt.Errorf("it is piece %d of %d: name the first, %s", no+1, count, first)
	}
	if name != first {
		return "", "", fmt.Errorf("it is the first of %d pieces, which are found by their names: call it %s and the others likewise", count, first)
	}
	return filepath.Clean(dir), parts[1], nil
}

// isPiece says whether a file is the piece that its name says.
func (f *File) isPiece(no, count int64) error {
	n, ok := f.header.Metadata.Int("split.no")
	if c, _ := f.header.Metadata.Int("split.count"); !ok || n != no || c != count {
		return fmt.Errorf("it says that it is piece %d of %d, and its name says %d of %d: fetch it again", n+1, c, no+1, count)
	}
	return nil
}

// complete holds the pieces to the number of tensors that the first one tells.
func (ps pieces) complete(path string) error {
	seen := map[string]bool{}
	for _, f := range ps {
		for _, info := range f.infos {
			if seen[info.Name] {
				return fmt.Errorf("%s: tensor %q lies in two of its pieces: fetch them again", path, info.Name)
			}
			seen[info.Name] = true
		}
	}
	want, ok := ps[0].header.Metadata.Int("split.tensors.count")
	if ok && int64(len(seen)) != want {
		return fmt.Errorf("%s: its pieces have %d tensors and should have %d: they are not of one model", path, len(seen), want)
	}
	return nil
}

// header is what stands before the tensors of all.
func (ps pieces) header() *Header { return ps[0].header }

// stored finds a tensor by ggml's name.
func (ps pieces) stored(name string) (*loaders.Stored, bool) {
	for _, f := range ps {
		if i, ok := f.index[name]; ok {
			return f.stored(i), true
		}
	}
	return nil, false
}

// Close releases all files.
func (ps pieces) Close() error {
	var errs []error
	for _, f := range ps {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}
