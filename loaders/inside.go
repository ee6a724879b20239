package loaders

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/rouxml/roux/tensor"
)

// Inside refuses a file of a model directory that is a link out of it, so that
// a model from elsewhere cannot have files of this machine read and carried
// into an output. Links of the Hugging Face cache are fine: its snapshots link
// to blobs beside them. A file that is not there is no error.
func Inside(dir, name string) error {
	real, err := filepath.EvalSymlinks(filepath.Join(dir, name))
	if err != nil {
		return nil // opening it says what is wrong
	}
	root, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return err
	}
	if within(root, real) || within(filepath.Join(root, "..", "..", "blobs"), real) {
		return nil
	}
	return fmt.Errorf("%s in %s is a link to %s, outside of the model directory: copy the file there if you trust it", name, dir, real)
}

// ReadInside reads a small file of a model directory, of up to most bytes. It
// refuses links out of the directory as Inside does.
func ReadInside(dir, name string, most int64) ([]byte, error) {
	if err := Inside(dir, name); err != nil {
		return nil, err
	}
	return tensor.File{Name: name, Path: filepath.Join(dir, name)}.Read(most)
}

func within(root, path string) bool {
	rel, err := filepath.Rel(root, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}
