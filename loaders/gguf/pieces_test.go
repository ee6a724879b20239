package gguf_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rouxml/roux/loaders/gguf"
	"github.com/rouxml/roux/loaders/loadertest"
	"github.com/rouxml/roux/tensor"
)

// copyPieces copies the model that gguf-py wrote in pieces.
func copyPieces(t *testing.T) string {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/split")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestPieces: a model that gguf-py wrote in pieces is the one that it wrote in
// one file, also where the first piece holds no tensors.
func TestPieces(t *testing.T) {
	want, closer, err := gguf.Open(context.Background(), "testdata/split/whole.gguf")
	if err != nil {
		t.Fatal(err)
	}
	defer closer.Close()
	for _, name := range []string{"m-00001-of-00003.gguf", "empty-00001-of-00003.gguf"} {
		got, closer, err := gguf.Open(context.Background(), filepath.Join("testdata/split", name))
		if err != nil {
			t.Fatal(err)
		}
		defer closer.Close()
		loadertest.Contract(t, got.Weights)
		if d := cmp.Diff(string(want.Config), string(got.Config)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if d := cmp.Diff(want.Weights.Infos(), got.Weights.Infos()); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		for _, info := range want.Weights.Infos() {
			if d := cmp.Diff(values(t, want, info.Name), values(t, got, info.Name)); d != "" {
				t.Errorf("%s: %s: %s", name, info.Name, d)
			}
			x, _ := got.Weights.Tensor(info.Name)
			if _, err := x.(tensor.Identified).ID(context.Background()); err != nil {
				t.Error(err)
			}
		}
		if err := closer.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestPiecesRefused: pieces that are missing, misnamed or of another model are
// errors that say which.
func TestPiecesRefused(t *testing.T) {
	const first, second = "m-00001-of-00003.gguf", "m-00002-of-00003.gguf"
	for name, c := range map[string]struct {
		change func(dir string) error
		open   string
		want   string
	}{
		"missing":   {func(dir string) error { return os.Remove(filepath.Join(dir, second)) }, first, first + " is the first of 3 pieces and " + second + " is missing beside it: fetch it too"},
		"a later":   {nil, second, "it is piece 2 of 3: name the first, " + first},
		"renamed":   {func(dir string) error { return os.Rename(filepath.Join(dir, first), filepath.Join(dir, "m.gguf")) }, "m.gguf", "which are found by their names: call it NAME-00001-of-00003.gguf"},
		"cut":       {func(dir string) error { return os.Truncate(filepath.Join(dir, second), 3000) }, first, second + ": tensor"},
		"exchanged": {func(dir string) error { return swap(dir, second, "m-00003-of-00003.gguf") }, first, second + ": it says that it is piece 3 of 3, and its name says 2 of 3"},
		"of others": {func(dir string) error { return swap(dir, second, "empty-00002-of-00003.gguf") }, first, `lies in two of its pieces`},
		"count":     {func(dir string) error { return recount(filepath.Join(dir, first)) }, first, "its pieces have 12 tensors and should have 13"},
		"a link":    {func(dir string) error { return linkOut(filepath.Join(dir, second), t.TempDir()) }, first, "outside of the model directory"},
	} {
		dir := copyPieces(t)
		if c.change != nil {
			if err := c.change(dir); err != nil {
				t.Fatal(err)
			}
		}
		if _, _, err := gguf.Open(context.Background(), filepath.Join(dir, c.open)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", name, err, c.want)
		}
	}
}

func swap(dir, a, b string) error {
	for _, r := range [][2]string{{a, "x"}, {b, a}, {"x", b}} {
		if err := os.Rename(filepath.Join(dir, r[0]), filepath.Join(dir, r[1])); err != nil {
			return err
		}
	}
	return nil
}

// recount raises the number of tensors by one.
func recount(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	key := []byte("split.tensors.count")
	at := bytes.Index(text, key) + len(key) + 4
	binary.LittleEndian.PutUint32(text[at:], binary.LittleEndian.Uint32(text[at:])+1)
	return os.WriteFile(path, text, 0o644)
}

func linkOut(path, to string) error {
	out := filepath.Join(to, "x.gguf")
	if err := os.Rename(path, out); err != nil {
		return err
	}
	return os.Symlink(out, path)
}
