package cas

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func open(t *testing.T, now func() time.Time) *Cache {
	t.Helper()
	c, err := Open(t.TempDir(), now)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func key(s string) Key { return NewHash("test").String(s).Sum() }

func put(t *testing.T, c *Cache, name string, b []byte) {
	t.Helper()
	w, err := c.Create(key(name), int64(len(b)), name)
	if err != nil {
		t.Fatal(err)
	}
	half := len(b) / 2
	for _, part := range []struct{ from, to int }{{half, len(b)}, {0, half}} {
		if _, err := w.WriteAt(b[part.from:part.to], int64(part.from)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
}

// TestRoundTrip: what was stored comes back, under either way of storing.
func TestRoundTrip(t *testing.T) {
	c := open(t, nil)
	put(t, c, "a", []byte("hello world"))
	if err := c.PutBytes(key("b"), []byte("small"), "b"); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"a": "hello world", "b": "small"} {
		if got, ok := c.GetBytes(key(name)); !ok || string(got) != want {
			t.Errorf("%s: %q %v", name, got, ok)
		}
	}
	if _, ok := c.Lookup(key("c")); ok {
		t.Error("an entry that nobody stored")
	}
	if left, _ := os.ReadDir(filepath.Join(c.dir, "tmp")); len(left) > 0 {
		t.Errorf("left in tmp: %v", left)
	}
}

// TestFieldsDoNotRunTogether: lists of fields have keys of their own.
func TestFieldsDoNotRunTogether(t *testing.T) {
	if NewHash("k").String("ab").String("c").Sum() == NewHash("k").String("a").String("bc").Sum() {
		t.Error("two lists share a key")
	}
	if NewHash("k").String("a").Sum() == NewHash("k").Bytes([]byte("a")).Sum() {
		t.Error("text and bytes share a key")
	}
}

// TestDamageIsAMiss: whatever happens to the files, Get misses and the entry
// can be stored again.
func TestDamageIsAMiss(t *testing.T) {
	for name, spoil := range map[string]func(entry, output string) error{
		"output gone":    func(_, o string) error { return os.Remove(o) },
		"output short":   func(_, o string) error { return os.Truncate(o, 3) },
		"output changed": func(_, o string) error { return os.WriteFile(o, []byte("hello_world"), 0o644) },
		"entry empty":    func(e, _ string) error { return os.Truncate(e, 0) },
		"entry nonsense": func(e, _ string) error { return os.WriteFile(e, []byte(`{"key":"zz"}`), 0o644) },
		"entry foreign": func(e, _ string) error {
			text, err := os.ReadFile(e)
			if err != nil {
				return err
			}
			return os.WriteFile(e, bytes.Replace(text, []byte(key("a").String()), []byte(key("x").String()), 1), 0o644)
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := open(t, nil)
			put(t, c, "a", []byte("hello world"))
			e, _ := c.Lookup(key("a"))
			again, err := Open(c.dir, nil) // a new process has verified nothing
			if err != nil {
				t.Fatal(err)
			}
			if err := spoil(again.keyPath(key("a")), again.outputPath(e.Digest)); err != nil {
				t.Fatal(err)
			}
			if b, ok := again.GetBytes(key("a")); ok {
				t.Errorf("got %q", b)
			}
			put(t, again, "a", []byte("hello world"))
			if b, ok := again.GetBytes(key("a")); !ok || string(b) != "hello world" {
				t.Errorf("after storing again: %q %v", b, ok)
			}
		})
	}
}

// TestChangedWhileOpen: an output that was checked and then changed in place is
// never read as what it was, by who has it open or by who opens it again.
func TestChangedWhileOpen(t *testing.T) {
	for name, spoil := range map[string]func(string) error{
		"same size": func(path string) error { return os.WriteFile(path, []byte("hello_world"), 0o644) },
		"cut":       func(path string) error { return os.Truncate(path, 3) },
	} {
		c := open(t, nil)
		put(t, c, "a", []byte("hello world"))
		f, ok := c.Get(key("a"))
		if !ok {
			t.Fatal("miss")
		}
		defer f.Close()
		time.Sleep(20 * time.Millisecond) // the file system's clock ticks
		if err := spoil(f.Name()); err != nil {
			t.Fatal(err)
		}
		if n, err := f.ReadAt(make([]byte, 11), 0); n != 0 || !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: read %d bytes, %v", name, n, err)
		}
		if b, ok := c.GetBytes(key("a")); ok {
			t.Errorf("%s: the entry gives %q", name, b)
		}
	}
}

// TestVersion: a mark of another layout is refused, and one that is damaged is
// written anew.
func TestVersion(t *testing.T) {
	c := open(t, nil)
	put(t, c, "a", []byte("hello world"))
	path := filepath.Join(c.dir, "VERSION")
	for text, refused := range map[string]bool{"": false, "roux": false, "rouX cache 1\n": false, layout: false, "roux cache 2\n": true} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		again, err := Open(c.dir, nil)
		if (err != nil) != refused {
			t.Errorf("%q: %v", text, err)
		}
		if err != nil {
			continue
		}
		if _, ok := again.Lookup(key("a")); !ok {
			t.Errorf("%q: the entries are gone", text)
		}
	}
}

// TestForeignFolder: a folder of something else is no place for a cache, and
// nothing is put into it.
func TestForeignFolder(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"lost+found", ".hidden"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "thesis.tex"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, nil); err == nil || !strings.Contains(err.Error(), "it is no cache, and holds thesis.tex (choose an empty or a new folder") {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 3 {
		t.Errorf("%v %v", left, err)
	}
	if err := os.Remove(filepath.Join(dir, "thesis.tex")); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, nil); err != nil {
		t.Error(err)
	}
}

// TestForeignVersion: many a project has a VERSION, a tmp or keys, which stay
// what they are.
func TestForeignVersion(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "tmp"), 0o755); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"VERSION": "1.2.3\n", "tmp/mine.txt": "mine"}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Open(dir, nil); err == nil || !strings.Contains(err.Error(), "it is no cache") {
		t.Error(err)
	}
	for name, text := range files {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != text {
			t.Errorf("%s: %q %v", name, got, err)
		}
	}
}

// TestMakingCache: what another process has made of a cache so far is no folder
// of something else; a tmp alone is.
func TestMakingCache(t *testing.T) {
	for name, refused := range map[string]bool{"keys": false, "tmp": true} {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir, nil); (err != nil) != refused {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTrim removes what was used longest ago, by a clock of its own.
func TestTrim(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	c := open(t, func() time.Time { return now })
	for _, name := range []string{"old", "middle", "new"} {
		put(t, c, name, bytes.Repeat([]byte(name[:1]), 100))
		at := now
		if err := os.Chtimes(c.keyPath(key(name)), at, at); err != nil {
			t.Fatal(err)
		}
		now = now.Add(24 * time.Hour)
	}
	if f, ok := c.Get(key("old")); !ok { // a use makes it young
		t.Fatal("miss")
	} else if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	freed, n, err := c.Trim(context.Background(), Limits{MaxBytes: 250})
	if err != nil || freed != 100 || n != 1 {
		t.Errorf("freed %d in %d: %v", freed, n, err)
	}
	if _, ok := c.Lookup(key("middle")); ok {
		t.Error("the least recently used entry stayed")
	}
	now = now.Add(72 * time.Hour)
	if _, n, _ := c.Trim(context.Background(), Limits{MaxAge: time.Hour}); n != 2 {
		t.Errorf("%d entries were old", n)
	}
}

// TestConcurrentWriters: many goroutines storing one key leave it whole.
func TestConcurrentWriters(t *testing.T) {
	c := open(t, nil)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if err := c.PutBytes(key("a"), []byte("the same"), ""); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if b, ok := c.GetBytes(key("a")); !ok || string(b) != "the same" {
		t.Errorf("%q %v", b, ok)
	}
}

// TestSweep: a temporary file that nobody locks goes, one in use stays.
func TestSweep(t *testing.T) {
	c := open(t, nil)
	dead := filepath.Join(c.dir, "tmp", "999999999-dead")
	if err := os.WriteFile(dead, []byte("half"), 0o644); err != nil {
		t.Fatal(err)
	}
	w, err := c.Create(key("live"), 4, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(c.dir, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dead); err == nil {
		t.Error("a dead process's file stayed")
	}
	if _, err := w.WriteAt([]byte("live"), 0); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Errorf("a living writer lost its file: %v", err)
	}
}

// TestWritesOutside are refused.
func TestWritesOutside(t *testing.T) {
	c := open(t, nil)
	w, err := c.Create(key("a"), 4, "")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	if _, err := w.WriteAt([]byte("12345"), 0); err == nil {
		t.Error("a write past the end got through")
	}
}

func FuzzEntry(f *testing.F) {
	f.Add([]byte(`{"key":"00","size":1}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if e, err := parseEntry(text); err == nil && e.Size < 0 {
			t.Error("negative size")
		}
	})
}
