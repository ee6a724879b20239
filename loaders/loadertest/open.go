package loadertest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/rouxml/roux/loaders"
	"github.com/rouxml/roux/tensor"
)

// headersOnly opens the sample with 8 MB or more of weights added and allows it to read and to allocate a
// small part of that.
func headersOnly(t *testing.T, f loaders.Format, s sample, rel string) {
	r := rand.New(rand.NewPCG(9, 9))
	last := s.model.Tensors[len(s.model.Tensors)-1].Info // quantized where the model is
	for i := range 4 {
		info := tensor.Info{Name: fmt.Sprintf("model.layers.1.mlp.large.%d.weight", i), DType: tensor.BF16, Shape: tensor.Shape{512, 4096}, Quant: last.Quant}
		s.model.Tensors = append(s.model.Tensors, random(r, info))
	}
	dir := t.TempDir()
	store(t, s.from, dir, s.model, 0, inOrder)
	path := filepath.Join(dir, rel)
	const limit = 1 << 20
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	read := bytesRead()
	_, closer := open(t, f, path)
	read = bytesRead() - read
	runtime.ReadMemStats(&after)
	defer func() { _ = closer.Close() }()
	if read > limit {
		t.Errorf("opening read %d bytes: it may read headers alone", read)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > limit {
		t.Errorf("opening allocated %d bytes: it may read headers alone", n)
	}
}

// bytesRead is what the process has read so far, where the system tells.
func bytesRead() int64 {
	text, err := os.ReadFile("/proc/self/io")
	if err != nil {
		return 0
	}
	var n int64
	_, _ = fmt.Sscanf(string(text), "rchar: %d", &n)
	return n
}

// closes: after Close nothing reads and no file is held.
func closes(t *testing.T, f loaders.Format, path string) {
	m, closer := open(t, f, path)
	var some tensor.Tensor
	for _, info := range m.Weights.Infos() {
		if info.Bytes() > 0 {
			some = get(t, m.Weights, info.Name)
			whole(t, some)
		}
	}
	if err := closer.Close(); err != nil {
		t.Error(err)
	}
	if _, err := some.ReadAt(make([]byte, 1), 0); err == nil {
		t.Error("a tensor reads after Close")
	}
	for _, name := range openFiles() {
		if strings.HasPrefix(name, path) {
			t.Errorf("%s is open after Close", name)
		}
	}
	m, closer = open(t, f, path)
	if err := closer.Close(); err != nil {
		t.Errorf("Close before anything was read: %v", err)
	}
	if _, err := get(t, m.Weights, some.Info().Name).ReadAt(make([]byte, 1), 0); err == nil {
		t.Error("a tensor reads after a Close that came first")
	}
}

// openFiles lists the files that the process holds, where the system tells.
func openFiles() []string {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		if name, err := os.Readlink(filepath.Join("/proc/self/fd", e.Name())); err == nil {
			names = append(names, name)
		}
	}
	return names
}

// identity: IDs stay the same while the bytes do, wherever the model lies, and
// equal IDs never stand for other bytes.
func (s sample) identity(t *testing.T, f loaders.Format, path, rel string) {
	first := identities(t, f, path)
	copied := t.TempDir()
	s.make(t, copied)
	again := identities(t, f, filepath.Join(copied, rel))
	for name, x := range first {
		if again[name].id != x.id {
			t.Errorf("tensor %s: the ID is %s, and in a copy of the model %s", name, x.id, again[name].id)
		}
	}
	others := []map[string]identified{first}
	for i, x := range s.model.Tensors {
		if len(x.Data) > 0 && i%4 == 0 {
			dir := t.TempDir()
			other := s
			other.model = s.model.changed(i)
			other.make(t, dir)
			others = append(others, identities(t, f, filepath.Join(dir, rel)))
		}
	}
	bytesOf := map[string]string{}
	for _, model := range others {
		for name, x := range model {
			if b, ok := bytesOf[x.id]; ok && b != x.bytes {
				t.Errorf("tensor %s: its ID %s stands for other bytes too", name, x.id)
			}
			bytesOf[x.id] = x.bytes
		}
	}
}

type identified struct{ id, bytes string }

// identities lists the IDs of all tensors of a path.
func identities(t *testing.T, f loaders.Format, path string) map[string]identified {
	t.Helper()
	m, closer := open(t, f, path)
	defer func() { _ = closer.Close() }()
	all := map[string]identified{}
	for _, info := range m.Weights.Infos() {
		x, ok := get(t, m.Weights, info.Name).(tensor.Identified)
		if !ok {
			t.Fatalf("tensor %s has no ID, and the cache needs one", info.Name)
		}
		id, err := x.ID(context.Background())
		if err != nil || id == "" {
			t.Fatalf("tensor %s: ID %q, %v", info.Name, id, err)
		}
		all[info.Name] = identified{id, string(whole(t, x))}
	}
	return all
}
