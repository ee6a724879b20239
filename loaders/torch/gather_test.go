package torch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"github.com/rouxml/roux/loaders"
	"github.com/rouxml/roux/loaders/torch/torchtest"
	"github.com/rouxml/roux/tensor"
)

// TestWindows: any range of any view that torch saved has its bytes, however
// little is read of the storage at once.
func TestWindows(t *testing.T) {
	for _, name := range []string{"strided.pt", "views.pt", "legacy-views.pt"} {
		f, err := Open(filepath.Join("../../testdata/torch", name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for _, info := range f.Infos() {
			if info.Bytes() == 0 {
				continue
			}
			x := f.index[info.Name]
			want := make([]byte, info.Bytes())
			if _, err := x.ReadAt(want, 0); err != nil {
				t.Fatal(err)
			}
			for _, window := range []int64{8, 24, 40, 112} {
				for from := range want {
					for _, n := range []int{1, 3, 8, 17, 64, len(want)} {
						got := make([]byte, min(n, len(want)-from))
						if err := x.gatherer(window).bytes(x.view)(got, int64(from)); err != nil {
							t.Fatal(err)
						}
						if !bytes.Equal(got, want[from:from+len(got)]) {
							t.Fatalf("%s %s: %d bytes from %d on by windows of %d are %x, want %x", name, info.Name, len(got), from, window, got, want[from:from+len(got)])
						}
					}
				}
			}
		}
	}
}

// TestAnyStrides holds the gatherer to the definition of a strided view.
func TestAnyStrides(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, last := &view{}, int64(0)
		for range rapid.IntRange(0, 4).Draw(t, "rank") {
			n, stride := rapid.IntRange(1, 7).Draw(t, "n"), rapid.Int64Range(0, 40).Draw(t, "stride")
			v.shape, v.strides, last = append(v.shape, n), append(v.strides, stride), last+int64(n-1)*stride
		}
		size := rapid.SampledFrom([]int64{1, 2, 4, 8}).Draw(t, "size")
		storage := make([]byte, (last+1)*size)
		for i := range storage {
			storage[i] = byte(i*7 + i/256)
		}
		want := walk(v, nil, storage, 0, 0, size)
		from := rapid.IntRange(0, len(want)-1).Draw(t, "from")
		got := make([]byte, rapid.IntRange(1, len(want)-from).Draw(t, "bytes"))
		g := &gatherer{size: size, window: rapid.Int64Range(size, 400).Draw(t, "window")}
		g.read = func(p []byte, at int64) error {
			if int64(len(p)) > max(g.window, int64(len(got))) {
				return fmt.Errorf("%d bytes at once", len(p))
			}
			copy(p, storage[at:at+int64(len(p))])
			return nil
		}
		if err := g.bytes(v)(got, int64(from)); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want[from:from+len(got)]) || int64(len(g.raw)) > g.window {
			t.Fatalf("shape %v, strides %v: got %x, want %x, with %d bytes held", v.shape, v.strides, got, want[from:from+len(got)], len(g.raw))
		}
	})
}

// walk is what a strided view is by its definition.
func walk(v *view, out, raw []byte, dim int, at, size int64) []byte {
	if dim == len(v.shape) {
		return append(out, raw[at*size:(at+1)*size]...)
	}
	for i := range v.shape[dim] {
		out = walk(v, out, raw, dim+1, at+int64(i)*v.strides[dim], size)
	}
	return out
}

// TestGatherMemory: reading rows of a transposed matrix of 64 MB takes no more
// memory than a window and a few tiles, in order or not; what jumps about makes
// none.
func TestGatherMemory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.bin")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	const n = 4096
	if _, err := file.WriteAt([]byte{1, 2, 3, 4}, 4*(n*3000+17)); err != nil {
		t.Fatal(err)
	}
	if err := file.Truncate(4 * n * n); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	late, err := loaders.OpenLate(path, func(*os.File, int64) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	defer late.Close()
	info := tensor.Info{Name: "x", DType: tensor.F32, Shape: tensor.Shape{n, n}}
	x := newStored(late, named{info, &view{shape: info.Shape, strides: []int64{1, n}}}, span{0, info.Bytes()}, &tiles{})
	rows := make([]byte, 8*4*n)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, row := range []int64{4000, 2000, 3000, 1000, 16} {
		if _, err := x.ReadAt(rows, row*4*n); err != nil {
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 5*2*window {
		t.Errorf("reading %d bytes took %d", len(rows), got)
	}
	if at := 4 * (n + 3000); string(rows[at:at+4]) != "\x01\x02\x03\x04" || strings.Trim(string(rows[:at]), "\x00") != "" {
		t.Error("the rows are others")
	}
}

// TestTiles: blocks that are read in order, by many at once, have their bytes;
// few tiles are held, and none once the file is closed.
func TestTiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.bin")
	const n = 1500
	storage := make([]byte, 4*n*n)
	for i := range n * n {
		binary.LittleEndian.PutUint32(storage[4*i:], uint32(i))
	}
	if err := os.WriteFile(path, storage, 0o644); err != nil {
		t.Fatal(err)
	}
	late, err := loaders.OpenLate(path, func(*os.File, int64) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	f := &File{Late: late, tiles: &tiles{}}
	info := tensor.Info{Name: "x", DType: tensor.F32, Shape: tensor.Shape{n, n}}
	x := newStored(late, named{info, &view{shape: info.Shape, strides: []int64{1, n}}}, span{0, info.Bytes()}, f.tiles)
	var next atomic.Int64
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			block := make([]byte, 4*n*7)
			for row := next.Add(7) - 7; row < n; row = next.Add(7) - 7 {
				got, err := x.ReadAt(block, 4*n*row)
				if err != nil && !errors.Is(err, io.EOF) {
					t.Error(err)
				}
				for i := 0; i < got; i += 4 {
					at := int(4*n*row) + i
					if v := binary.LittleEndian.Uint32(block[i:]); v != uint32(at/4%n*n+at/4/n) {
						t.Errorf("element %d is %d", at/4, v)
						return
					}
				}
			}
		})
	}
	wait.Wait()
	f.infos, f.index = []tensor.Info{info}, map[string]*stored{"x": x}
	if got := Keeps(f); got != tilesKept*tileBytes {
		t.Errorf("a file of strided tensors says that it keeps %d bytes", got)
	}
	if len(f.tiles.list) == 0 || len(f.tiles.list) > tilesKept {
		t.Errorf("%d tiles are held", len(f.tiles.list))
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := x.ReadAt(make([]byte, 4), 4*n*(n-1)); !errors.Is(err, os.ErrClosed) || f.tiles.list != nil {
		t.Errorf("a closed file gives %v and holds %d tiles", err, len(f.tiles.list))
	}
}

// TestShardsShareTiles: a model holds no more for being in many files.
func TestShardsShareTiles(t *testing.T) {
	dir, infos := t.TempDir(), []tensor.Info{{Name: "a", DType: tensor.F32, Shape: tensor.Shape{8}}, {Name: "b", DType: tensor.F32, Shape: tensor.Shape{8}}}
	sink, err := torchtest.Format.Create(dir, &tensor.Model{}, loaders.WriteOptions{ShardBytes: 32})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(sink.Begin(t.Context(), infos), sink.Commit(t.Context())); err != nil {
		t.Fatal(err)
	}
	d, err := OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	a, _ := d.Tensor("a")
	b, _ := d.Tensor("b")
	x, y := a.(*stored), b.(*stored)
	if x.File == y.File || x.tiles != y.tiles {
		t.Errorf("of two files, the same: %v; of their tiles: %v", x.File == y.File, x.tiles == y.tiles)
	}
	if got := Keeps(d); got != 0 {
		t.Errorf("nothing is strided, and it keeps %d bytes", got)
	}
}
