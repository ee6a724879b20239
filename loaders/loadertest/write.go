package loadertest

import (
	"context"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rouxml/roux/loaders"
	"github.com/rouxml/roux/tensor"
)

// shardBytes makes several shards of the suite's models, whose largest tensors
// take more.
const shardBytes = 10_000

// writes holds a writer to the contract of tensor.Sink with every model that
// it stores.
func writes(t *testing.T, f loaders.Format) {
	for _, m := range accepted(t, f) {
		t.Run(m.Name, func(t *testing.T) {
			t.Run("any order gives the same bytes", func(t *testing.T) { anyOrder(t, f, m) })
			t.Run("shards", func(t *testing.T) { shards(t, f, m) })
			t.Run("an unfinished model is refused", func(t *testing.T) { unfinished(t, f, m) })
			t.Run("abort leaves nothing", func(t *testing.T) { aborts(t, f, m) })
			t.Run("writes outside are refused", func(t *testing.T) { outside(t, f, m) })
			t.Run("files are foretold", func(t *testing.T) { foretold(t, f, m) })
			t.Run("riders are carried", func(t *testing.T) { riders(t, f, m) })
		})
	}
}

// piece is a run of whole rows of one tensor.
type piece struct {
	tensor   int
	from, to int64
}

// pieces cuts a model into runs of at most three rows.
func pieces(m Model) []piece {
	var list []piece
	for i, x := range m.Tensors {
		size, step := int64(len(x.Data)), int64(3*max(1, x.Info.RowBytes()))
		for from := int64(0); from < size; from += step {
			list = append(list, piece{i, from, min(from+step, size)})
		}
	}
	return list
}

// way is an order in which a model is written.
type way func(t *testing.T, sink tensor.Sink, m Model)

func (p piece) write(t *testing.T, sink tensor.Sink, m Model) {
	x := m.Tensors[p.tensor]
	to, err := sink.Writer(x.Info.Name)
	if err != nil {
		t.Error(err)
		return
	}
	if n, err := to.WriteAt(x.Data[p.from:p.to], p.from); err != nil || int64(n) != p.to-p.from {
		t.Errorf("tensor %s: wrote %d of %d bytes: %v", x.Info.Name, n, p.to-p.from, err)
	}
}

func inOrder(t *testing.T, sink tensor.Sink, m Model) {
	for _, p := range pieces(m) {
		p.write(t, sink, m)
	}
}

func shuffled(t *testing.T, sink tensor.Sink, m Model) {
	list := pieces(m)
	for _, i := range rand.New(rand.NewPCG(3, 4)).Perm(len(list)) {
		list[i].write(t, sink, m)
	}
}

// crowd writes from many goroutines, each of which asks for its own Writer.
func crowd(t *testing.T, sink tensor.Sink, m Model) {
	list := pieces(m)
	const n = 8
	var wg sync.WaitGroup
	for g := range n {
		wg.Go(func() {
			for i := g; i < len(list); i += n {
				list[i].write(t, sink, m)
			}
		})
	}
	wg.Wait()
}

// begin creates a sink and announces the model's tensors.
func begin(t *testing.T, f loaders.Format, dir string, m Model, shard int64) tensor.Sink {
	t.Helper()
	sink, err := f.Create(dir, m.tensorModel(t), loaders.WriteOptions{ShardBytes: shard})
	if err != nil {
		t.Fatal(err)
	}
	if err := sink.Begin(context.Background(), m.Infos()); err != nil {
		t.Fatal(err)
	}
	return sink
}

// store writes a whole model.
func store(t *testing.T, f loaders.Format, dir string, m Model, shard int64, how way) {
	t.Helper()
	sink := begin(t, f, dir, m, shard)
	how(t, sink, m)
	if err := sink.Commit(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func anyOrder(t *testing.T, f loaders.Format, m Model) {
	for _, shard := range []int64{0, shardBytes} {
		dir := t.TempDir()
		store(t, f, dir, m, shard, inOrder)
		want := tree(t, dir)
		for name, how := range map[string]way{"in order again": inOrder, "shuffled": shuffled, "many goroutines": crowd} {
			dir := t.TempDir()
			store(t, f, dir, m, shard, how)
			same(t, name, tree(t, dir), want)
		}
	}
}

// same compares two folders' files.
func same(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	for name := range want {
		if got[name] != want[name] {
			t.Errorf("%s: file %s differs or is missing", what, name)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s: file %s is not there otherwise", what, name)
		}
	}
}

// tree reads all files of a folder.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		files[strings.TrimPrefix(path, dir+string(filepath.Separator))] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// shards holds a format that cuts a model into files to the size that was
// asked for, headers and tensors that alone are larger left aside.
func shards(t *testing.T, f loaders.Format, m Model) {
	dir, whole := t.TempDir(), t.TempDir()
	store(t, f, dir, m, shardBytes, inOrder)
	store(t, f, whole, m, 0, inOrder)
	cut := tree(t, dir)
	if len(cut) == len(tree(t, whole)) {
		return // the format knows no shards
	}
	const header = 8000
	largest := shardBytes
	for _, x := range m.Tensors {
		largest = max(largest, len(x.Data))
	}
	for name, text := range cut {
		if len(text) > largest+header {
			t.Errorf("%s has %d bytes, and shards of %d were asked for", name, len(text), shardBytes)
		}
	}
}

// unfinished: a model of which a tensor, or a part of one, was never written
// must not be committed, and the error names the tensor.
func unfinished(t *testing.T, f loaders.Format, m Model) {
	list := pieces(m)
	last := m.Tensors[list[len(list)-1].tensor]
	for what, left := range map[string][]piece{"nothing was written": nil, "the last rows are missing": list[:len(list)-1], "a whole tensor is missing": without(list, 0)} {
		dir := t.TempDir()
		sink := begin(t, f, dir, m, 0)
		for _, p := range left {
			p.write(t, sink, m)
		}
		err := sink.Commit(context.Background())
		if err == nil {
			t.Errorf("%s, and Commit says nothing", what)
			continue
		}
		if what == "the last rows are missing" && !strings.Contains(err.Error(), last.Info.Name) {
			t.Errorf("%s: %v does not name %s", what, err, last.Info.Name)
		}
		if err := sink.Abort(); err != nil {
			t.Errorf("%s: Abort after a refused Commit: %v", what, err)
		}
		empty(t, what, dir)
	}
}

func without(list []piece, tensor int) []piece {
	var left []piece
	for _, p := range list {
		if p.tensor != tensor {
			left = append(left, p)
		}
	}
	return left
}

func empty(t *testing.T, what, dir string) {
	t.Helper()
	for name := range tree(t, dir) {
		t.Errorf("%s: %s was left behind", what, name)
	}
}

// aborts: wherever a writer is given up, no file stays.
func aborts(t *testing.T, f loaders.Format, m Model) {
	for _, shard := range []int64{0, shardBytes} {
		for what, work := range map[string]func(tensor.Sink){
			"before Begin": func(tensor.Sink) {},
			"after Begin":  func(s tensor.Sink) { _ = s.Begin(context.Background(), m.Infos()) },
			"half-way": func(s tensor.Sink) {
				_ = s.Begin(context.Background(), m.Infos())
				for _, p := range pieces(m)[:5] {
					p.write(t, s, m)
				}
			},
		} {
			dir := t.TempDir()
			sink, err := f.Create(dir, m.tensorModel(t), loaders.WriteOptions{ShardBytes: shard})
			if err != nil {
				t.Fatal(err)
			}
			work(sink)
			if err := sink.Abort(); err != nil {
				t.Errorf("%s: %v", what, err)
			}
			empty(t, what, dir)
		}
	}
}

// outside: bytes that belong to no tensor have no place, and no name twice.
func outside(t *testing.T, f loaders.Format, m Model) {
	dir := t.TempDir()
	early, err := f.Create(dir, m.tensorModel(t), loaders.WriteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := early.Writer(m.Tensors[0].Info.Name); err == nil {
		t.Error("a Writer was given before Begin")
	}
	twice := append(m.Infos(), m.Infos()[0])
	if err := early.Begin(context.Background(), twice); err == nil || !strings.Contains(err.Error(), m.Infos()[0].Name) {
		t.Errorf("two tensors of one name: got %v, want an error that names it", err)
	}
	sink := begin(t, f, t.TempDir(), m, 0)
	if _, err := sink.Writer("nobody.weight"); err == nil || !strings.Contains(err.Error(), "nobody.weight") {
		t.Errorf("a tensor that was not announced: got %v", err)
	}
	for _, x := range m.Tensors {
		to, err := sink.Writer(x.Info.Name)
		if err != nil {
			t.Fatal(err)
		}
		beyond(t, to, x)
	}
	if err := sink.Abort(); err != nil {
		t.Error(err)
	}
}

func beyond(t *testing.T, to io.WriterAt, x Tensor) {
	row := max(1, int64(x.Info.RowBytes()))
	size := int64(len(x.Data))
	for what, c := range map[string]struct{ n, off int64 }{
		"before the beginning": {row, -row}, "behind the end": {row, size}, "across the end": {2 * row, size - row}, "far away": {row, 1 << 50 / row * row},
	} {
		if _, err := to.WriteAt(make([]byte, c.n), c.off); err == nil {
			t.Errorf("tensor %s: a write %s got through", x.Info.Name, what)
		}
	}
}

// foretold: Files lists what the writer leaves, and the bytes of weights in it.
func foretold(t *testing.T, f loaders.Format, m Model) {
	for _, shard := range []int64{0, shardBytes} {
		dir := t.TempDir()
		store(t, f, dir, m, shard, inOrder)
		got := tree(t, dir)
		list, err := f.Files(m.tensorModel(t), loaders.WriteOptions{ShardBytes: shard})
		if err != nil {
			t.Fatal(err)
		}
		if len(list) != len(got) {
			t.Errorf("%d files were foretold and %d written", len(list), len(got))
		}
		for _, file := range list {
			text, ok := got[file.Name]
			if !ok || int64(len(text)) < file.Bytes {
				t.Errorf("%s: foretold with %d bytes of weights; written: %v, %d bytes", file.Name, file.Bytes, ok, len(text))
			}
		}
	}
}

// riders: files beside the weights come out as they were.
func riders(t *testing.T, f loaders.Format, m Model) {
	dir := t.TempDir()
	store(t, f, dir, m, 0, inOrder)
	got := tree(t, dir)
	for _, r := range m.Files {
		if text, ok := got[r.Name]; ok && text != string(r.Data) {
			t.Errorf("%s was changed", r.Name)
		}
	}
}
