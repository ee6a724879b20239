package loadertest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"

	"github.com/rouxml/roux/loaders"
	"github.com/rouxml/roux/tensor"
)

// reads holds a reader to what it owes, with every sample that it knows.
func reads(t *testing.T, f loaders.Format, samples []sample) {
	if f.Sniff == nil {
		t.Fatal("a format that opens has a Sniff")
	}
	known := 0
	for _, s := range samples {
		dir := t.TempDir()
		s.make(t, dir)
		if rel, ok := find(t, f, dir); ok {
			known++
			t.Run(s.name(), func(t *testing.T) { s.read(t, f, dir, rel) })
		}
	}
	if known == 0 {
		t.Errorf("format %s reads nothing that a format of the registry writes", f.Name)
	}
	for _, path := range []string{t.TempDir(), filepath.Join(t.TempDir(), "nothing")} {
		if f.Sniff(path) {
			t.Errorf("it takes %s, where nothing is, for its own", path)
		}
	}
}

func (s sample) name() string {
	if s.shard > 0 {
		return s.from.Name + " " + s.model.Name + " in shards"
	}
	return s.from.Name + " " + s.model.Name
}

// read runs the suite over one path of a sample.
func (s sample) read(t *testing.T, f loaders.Format, dir, rel string) {
	path := filepath.Join(dir, rel)
	m, closer := open(t, f, path)
	Contract(t, m.Weights)
	got := contents(t, m.Weights)
	if s.from.Name == f.Name {
		roundTrip(t, m, s.model)
	}
	if err := closer.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	t.Run("close releases", func(t *testing.T) { closes(t, f, path) })
	if s.shard == 0 {
		t.Run("headers only", func(t *testing.T) { headersOnly(t, f, s, rel) })
	}
	t.Run("identity", func(t *testing.T) { s.identity(t, f, path, rel) })
	t.Run("damage", func(t *testing.T) { s.damage(t, f, rel, got) })
}

func open(t *testing.T, f loaders.Format, path string) (*tensor.Model, io.Closer) {
	t.Helper()
	m, closer, err := f.Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	if m.Roles == nil {
		t.Error("an opened model has no Roles")
	}
	return m, closer
}

// contents reads every tensor in one piece.
func contents(t *testing.T, src tensor.Source) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for _, info := range src.Infos() {
		all[info.Name] = whole(t, get(t, src, info.Name))
	}
	return all
}

func get(t *testing.T, src tensor.Source, name string) tensor.Tensor {
	t.Helper()
	x, ok := src.Tensor(name)
	if !ok {
		t.Fatalf("tensor %s is in Infos and not in the Source", name)
	}
	return x
}

func whole(t *testing.T, x tensor.Tensor) []byte {
	t.Helper()
	b := make([]byte, x.Info().Bytes())
	if n, err := x.ReadAt(b, 0); n != len(b) || err != nil && !errors.Is(err, io.EOF) {
		t.Fatalf("tensor %s: read %d of %d bytes: %v", x.Info().Name, n, len(b), err)
	}
	return b
}

// Contract holds a Source to the contracts of tensor.Source and of
// io.ReaderAt, alone and from many goroutines.
func Contract(t *testing.T, src tensor.Source) {
	t.Helper()
	seen := map[string]bool{}
	for i, info := range src.Infos() {
		if seen[info.Name] {
			t.Errorf("tensor %s is listed twice", info.Name)
		}
		seen[info.Name] = true
		x := get(t, src, info.Name)
		if again := src.Infos()[i]; !equal(info, again) || !equal(info, x.Info()) {
			t.Errorf("tensor %s: its headers differ: %v, %v, %v", info.Name, info, again, x.Info())
		}
		if err := info.Shape.Check(); err != nil || info.DType == tensor.Invalid {
			t.Errorf("tensor %s: %v %v", info.Name, info.DType, err)
		}
		readerAt(t, x, whole(t, x))
	}
	if _, ok := src.Tensor("nobody.weight"); ok {
		t.Error("the Source gives a tensor that it does not list")
	}
	manyReaders(t, src)
}

func equal(a, b tensor.Info) bool {
	return a.Name == b.Name && a.DType == b.DType && a.Shape.Equal(b.Shape) && (a.Quant == nil) == (b.Quant == nil) && (a.Quant == nil || *a.Quant == *b.Quant)
}

// readerAt checks every edge of io.ReaderAt.
func readerAt(t *testing.T, x tensor.Tensor, want []byte) {
	t.Helper()
	name, size := x.Info().Name, int64(len(want))
	for _, c := range []struct{ off, n int64 }{{0, 0}, {0, 1}, {size / 2, 3}, {size / 3, size}, {size - 1, 1}, {size - 1, 2}, {size, 1}, {0, size + 7}} {
		if c.off < 0 {
			continue
		}
		b := make([]byte, c.n)
		n, err := x.ReadAt(b, c.off)
		most := min(c.n, size-c.off)
		switch {
		case int64(n) != most:
			t.Errorf("tensor %s: %d bytes at %d of %d: read %d", name, c.n, c.off, size, n)
		case most < c.n && !errors.Is(err, io.EOF):
			t.Errorf("tensor %s: %d bytes at %d of %d: a short read says %v, not EOF", name, c.n, c.off, size, err)
		case most == c.n && err != nil && !errors.Is(err, io.EOF):
			t.Errorf("tensor %s: %d bytes at %d of %d: %v", name, c.n, c.off, size, err)
		case !bytes.Equal(b[:n], want[c.off:c.off+most]):
			t.Errorf("tensor %s: %d bytes at %d differ from those of the whole", name, c.n, c.off)
		}
	}
	for _, off := range []int64{-1, -1 << 62, size + 1, 1<<63 - 1} {
		if n, err := x.ReadAt(make([]byte, 1), off); n != 0 || err == nil {
			t.Errorf("tensor %s: a read at %d of %d gives %d bytes and %v", name, off, size, n, err)
		}
	}
}

// manyReaders reads ranges at random from many goroutines at once.
func manyReaders(t *testing.T, src tensor.Source) {
	want := contents(t, src)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(g), 5))
			for range 50 {
				info := src.Infos()[r.IntN(len(src.Infos()))]
				x, _ := src.Tensor(info.Name)
				all := want[info.Name]
				from := r.IntN(len(all) + 1)
				b := make([]byte, r.IntN(len(all)-from+1))
				if n, err := x.ReadAt(b, int64(from)); n != len(b) || !bytes.Equal(b, all[from:from+n]) {
					t.Errorf("tensor %s: %d bytes at %d from many goroutines: %d, %v", info.Name, len(b), from, n, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// roundTrip: what a format wrote it reads, in the same order.
func roundTrip(t *testing.T, got *tensor.Model, want Model) {
	infos := got.Weights.Infos()
	if len(infos) != len(want.Tensors) {
		t.Errorf("%d tensors were written and %d are read", len(want.Tensors), len(infos))
		return
	}
	for i, x := range want.Tensors {
		if !equal(infos[i], x.Info) {
			t.Errorf("tensor %d: wrote %v, read %v", i, x.Info, infos[i])
			continue
		}
		if !bytes.Equal(whole(t, get(t, got.Weights, x.Info.Name)), x.Data) {
			t.Errorf("tensor %s: the bytes differ", x.Info.Name)
		}
	}
	if (got.Config == nil) != (want.Config == nil) {
		t.Error("the config was lost or made up")
	}
	if len(got.Files) != len(want.Files) {
		t.Errorf("%d files ride along, not %d", len(got.Files), len(want.Files))
	}
}
