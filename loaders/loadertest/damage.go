package loadertest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rouxml/roux/loaders"
	"github.com/rouxml/roux/tensor"
)

// harm is one way in which a file goes bad.
type harm struct {
	name string
	do   func(path string) error
}

var harms = []harm{
	{"removed", os.Remove},
	{"empty", func(path string) error { return os.Truncate(path, 0) }},
	{"cut to 7 bytes", cut(func(int64) int64 { return 7 })},
	{"cut in half", cut(func(n int64) int64 { return n / 2 })},
	{"cut by one byte", cut(func(n int64) int64 { return n - 1 })},
	{"longer", func(path string) error { return overwrite(path, -1, []byte("more")) }},
	{"wrong magic", func(path string) error {
		return overwrite(path, 0, []byte("\xff\xfe\xfd\xfc\xff\xfe\xfd\xfc\xff\xfe\xfd\xfc"))
	}},
	{"zeros in front", func(path string) error { return overwrite(path, 0, make([]byte, 16)) }},
}

func cut(to func(int64) int64) func(string) error {
	return func(path string) error {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		return os.Truncate(path, min(to(info.Size()), info.Size()))
	}
}

// overwrite puts bytes at an offset, or at the end for -1.
func overwrite(path string, at int64, b []byte) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if at < 0 {
		if at, err = f.Seek(0, io.SeekEnd); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	_, err = f.WriteAt(b, at)
	return errors.Join(err, f.Close())
}

// damage spoils each file of a sample in each way. Opening it must either give
// all bytes as before or an error that names the path; and some damage must be
// noticed, or the sample is not what the format reads.
func (s sample) damage(t *testing.T, f loaders.Format, rel string, want map[string][]byte) {
	dir := t.TempDir()
	s.make(t, dir)
	noticed := 0
	for name, text := range tree(t, dir) {
		for _, h := range harms {
			if err := h.do(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
			if err := openWhole(f, filepath.Join(dir, rel), want); err != nil {
				noticed++
				if errors.Is(err, errWrong) || !strings.Contains(err.Error(), dir) {
					t.Errorf("%s %s: %v: want an error of Open that names the path, or the same bytes", name, h.name, err)
				}
			}
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if noticed < len(harms)-1 {
		t.Errorf("only %d cases of damage were noticed", noticed)
	}
}

// errWrong: a damaged model opened and is not what it was.
var errWrong = errors.New("the damaged model opens, and differs")

// openWhole opens a model and compares all of its bytes; an error but of Open
// is errWrong.
func openWhole(f loaders.Format, path string, want map[string][]byte) error {
	m, closer, err := f.Open(context.Background(), path)
	if err != nil {
		return err
	}
	defer func() { _ = closer.Close() }()
	if len(m.Weights.Infos()) != len(want) {
		return errWrong
	}
	for name, b := range want {
		if x, ok := m.Weights.Tensor(name); !ok || !equalBytes(x, b) {
			return errWrong
		}
	}
	return nil
}

func equalBytes(x tensor.Tensor, want []byte) bool {
	got := make([]byte, x.Info().Bytes())
	n, _ := x.ReadAt(got, 0)
	return n == len(got) && bytes.Equal(got, want)
}
