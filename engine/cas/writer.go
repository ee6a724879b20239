package cas

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"
)

// tmpPrefix marks temporary files that are locked from the start.
const tmpPrefix = "out-"

func owned(name string) bool { return strings.HasPrefix(name, tmpPrefix) }

// Writer fills an output of known size. WriteAt may be called in any order and
// from several goroutines; then either Commit or Abort.
type Writer struct {
	c     *Cache
	f     *os.File
	lock  *flock.Flock
	entry Entry
}

// Create starts the output of a computation.
func (c *Cache) Create(k Key, size int64, label string) (*Writer, error) {
	path := filepath.Join(c.dir, "tmp", fmt.Sprintf("%s%d-%s", tmpPrefix, os.Getpid(), k.String()[:24]))
	lock := flock.New(path)
	ok, err := lock.TryLock()
	if err == nil && !ok {
		err = fmt.Errorf("another goroutine is storing the same result")
	}
	if err != nil {
		return nil, fmt.Errorf("cannot write to the cache at %s: %w (choose another with --cache or ROUX_CACHE)", c.dir, err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o644)
	if err == nil {
		err = f.Truncate(size)
	}
	w := &Writer{c: c, f: f, lock: lock, entry: Entry{Key: k, Size: size, Label: label}}
	if err != nil {
		w.Abort()
		return nil, c.writeError(err)
	}
	return w, nil
}

func (c *Cache) writeError(err error) error {
	return fmt.Errorf("cannot write to the cache at %s: %w (free some space with `roux cache trim`, or choose another with --cache or ROUX_CACHE)", c.dir, err)
}

// WriteAt stores bytes at an offset.
func (w *Writer) WriteAt(p []byte, off int64) (int, error) {
	if off < 0 || off+int64(len(p)) > w.entry.Size {
		return 0, fmt.Errorf("cas: write of %d bytes at %d is outside an output of %d", len(p), off, w.entry.Size)
	}
	n, err := w.f.WriteAt(p, off)
	if err != nil {
		err = w.c.writeError(err)
	}
	return n, err
}

// Commit makes the output durable and visible. After an error there is no
// entry, and nothing that was there before is lost.
func (w *Writer) Commit() error {
	defer w.Abort()
	if err := w.f.Sync(); err != nil {
		return w.c.writeError(err)
	}
	if _, err := w.f.Seek(0, 0); err != nil {
		return err
	}
	var err error
	if w.entry.Digest, err = digestOf(w.f); err != nil {
		return err
	}
	to := w.c.outputPath(w.entry.Digest)
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return w.c.writeError(err)
	}
	if err := os.Rename(w.f.Name(), to); err != nil {
		return w.c.writeError(err)
	}
	w.c.trust(w.entry.Digest)
	return w.c.putEntry(w.entry)
}

// Abort lets go of the output; after Commit it only closes.
func (w *Writer) Abort() {
	if w.f == nil {
		_ = w.lock.Unlock()
		return
	}
	name := w.f.Name()
	_ = w.f.Close()
	_ = os.Remove(name) // gone already after Commit
	_ = w.lock.Unlock()
	w.f = nil
}

func (c *Cache) putEntry(e Entry) error {
	e.Created = c.now().UTC()
	text, err := json.Marshal(e)
	if err == nil {
		err = c.writeFile(c.keyPath(e.Key), text)
	}
	if err != nil {
		return c.writeError(err)
	}
	return nil
}

// PutBytes stores a whole small output.
func (c *Cache) PutBytes(k Key, b []byte, label string) error {
	d, err := digestOf(strings.NewReader(string(b)))
	if err != nil {
		return err
	}
	if err := c.writeFile(c.outputPath(d), b); err != nil {
		return c.writeError(err)
	}
	return c.putEntry(Entry{Key: k, Digest: d, Size: int64(len(b)), Label: label})
}

// Record returns a small note kept under a kind and a name, not by content.
func (c *Cache) Record(kind, name string) ([]byte, bool) {
	b, err := os.ReadFile(c.recordPath(kind, name))
	return b, err == nil
}

// PutRecord replaces a note atomically.
func (c *Cache) PutRecord(kind, name string, b []byte) error {
	if err := c.writeFile(c.recordPath(kind, name), b); err != nil {
		return c.writeError(err)
	}
	return nil
}

func (c *Cache) recordPath(kind, name string) string {
	return filepath.Join(c.dir, "records", NewHash("record").String(kind).String(name).Sum().String())
}
