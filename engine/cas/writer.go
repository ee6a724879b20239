package cas

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Writer fills an output of known size. WriteAt may be called in any order and
// from several goroutines; then either Commit or Abort.
type Writer struct {
	c     *Cache
	tmp   *temporary // nil once committed or aborted
	entry Entry
}

// Create starts the output of a computation.
func (c *Cache) Create(k Key, size int64, label string) (*Writer, error) {
	t, err := c.temporary()
	if err != nil {
		return nil, c.writeError(err)
	}
	if err := t.f.Truncate(size); err != nil {
		t.discard()
		return nil, c.writeError(err)
	}
	return &Writer{c: c, tmp: t, entry: Entry{Key: k, Size: size, Label: label}}, nil
}

func (c *Cache) writeError(err error) error {
	return fmt.Errorf("cannot write to the cache at %s: %w (free some space with `roux cache trim`, or choose another with --cache or ROUX_CACHE)", c.dir, err)
}

// WriteAt stores bytes at an offset.
func (w *Writer) WriteAt(p []byte, off int64) (int, error) {
	if off < 0 || off+int64(len(p)) > w.entry.Size {
		return 0, fmt.Errorf("cas: write of %d bytes at %d is outside an output of %d", len(p), off, w.entry.Size)
	}
	n, err := w.tmp.f.WriteAt(p, off)
	if err != nil {
		err = w.c.writeError(err)
	}
	return n, err
}

// Commit makes the output durable and visible. After an error there is no
// entry, and nothing that was there before is lost.
func (w *Writer) Commit() error {
	defer w.Abort()
	if err := w.tmp.f.Sync(); err != nil {
		return w.c.writeError(err)
	}
	if _, err := w.tmp.f.Seek(0, 0); err != nil {
		return err
	}
	now, err := lookOf(w.tmp.f)
	if err != nil {
		return err
	}
	if w.entry.Digest, err = digestOf(w.tmp.f); err != nil {
		return err
	}
	to := w.c.outputPath(w.entry.Digest)
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return w.c.writeError(err)
	}
	if err := os.Rename(w.tmp.f.Name(), to); err != nil {
		return w.c.writeError(err)
	}
	w.c.trust(w.entry.Digest, now)
	return w.c.putEntry(w.entry)
}

// Abort removes the output; after Commit it does nothing.
func (w *Writer) Abort() {
	if w.tmp != nil {
		w.tmp.discard()
		w.tmp = nil
	}
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
