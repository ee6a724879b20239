package cas

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// layout is the version of the folder structure.
const layout = "roux cache 1\n"

// usedInterval is how stale an entry's time of use may be: updating it at
// every use would cost a write for every read.
const usedInterval = time.Hour

// Cache is a folder of entries and outputs. Several processes may share it.
type Cache struct {
	dir string
	now func() time.Time

	mu       sync.Mutex
	verified map[Digest]look // how outputs looked whose bytes this process has checked
}

// Entry says what a computation came to.
type Entry struct {
	Key     Key       `json:"key"`
	Digest  Digest    `json:"digest"`
	Size    int64     `json:"size"`
	Label   string    `json:"label"`   // for people, such as "lowrank.svd model.layers.0.mlp.up_proj.weight"
	Created time.Time `json:"created"` // by the clock of the machine
	Used    time.Time `json:"-"`       // within an hour
}

// folders are what every cache has.
var folders = []string{"keys", "outputs", "records", "tmp"}

// Open opens or makes a cache and sweeps what dead processes left half
// written. The clock dates entries; nil means time.Now.
func Open(dir string, now func() time.Time) (*Cache, error) {
	if now == nil {
		now = time.Now
	}
	c := &Cache{dir: dir, now: now, verified: map[Digest]look{}}
	if other := c.foreign(); other != "" {
		return nil, fmt.Errorf("cannot use the cache at %s: it is no cache, and holds %s (choose an empty or a new folder with --cache or ROUX_CACHE)", dir, other)
	}
	for _, sub := range folders {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, fmt.Errorf("cannot use the cache at %s: %w (choose another with --cache or ROUX_CACHE)", dir, err)
		}
	}
	if err := c.checkLayout(); err != nil {
		return nil, err
	}
	c.sweep()
	return c, nil
}

// foreign names something in a folder that was never a cache. What a file
// system or a desktop puts anywhere does not count.
func (c *Cache) foreign() string {
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return "" // there is nothing, or what is there says so when it is used
	}
	mark, _ := os.ReadFile(filepath.Join(c.dir, "VERSION"))
	found, ours, last := "", 0, 0
	for _, e := range entries {
		switch name := e.Name(); {
		case slices.Contains(folders, name):
			ours, last = ours+1, max(last, 1+slices.Index(folders, name))
		case name != "lost+found" && !strings.HasPrefix(name, "."):
			found = name
		}
	}
	if ours == len(folders) || strings.HasPrefix(string(mark), "roux cache ") {
		return ""
	}
	if found == "" && ours < last {
		found = folders[last-1] // none that another run is just making, which makes them in order
	}
	return found
}

func (c *Cache) checkLayout() error {
	path := filepath.Join(c.dir, "VERSION")
	text, err := os.ReadFile(path)
	var number int
	if _, bad := fmt.Sscanf(string(text), "roux cache %d\n", &number); errors.Is(err, os.ErrNotExist) || err == nil && bad != nil {
		return c.writeFile(path, []byte(layout)) // new, or damaged
	}
	if err == nil && string(text) != layout {
		err = fmt.Errorf("it was made by another version of roux: %q", text)
	}
	if err != nil {
		return fmt.Errorf("cannot use the cache at %s: %w (choose another with --cache or ROUX_CACHE, or delete it)", c.dir, err)
	}
	return nil
}

// Dir returns the cache's folder.
func (c *Cache) Dir() string { return c.dir }

func (c *Cache) keyPath(k Key) string {
	s := k.String()
	return filepath.Join(c.dir, "keys", s[:2], s)
}

func (c *Cache) outputPath(d Digest) string {
	s := d.String()
	return filepath.Join(c.dir, "outputs", s[:2], s)
}

// Lookup says whether there is an entry whose output has the right size. It
// does not check the output's bytes.
func (c *Cache) Lookup(k Key) (Entry, bool) {
	path := c.keyPath(k)
	e, err := readEntry(path)
	if err != nil || e.Key != k {
		return Entry{}, false
	}
	info, err := os.Stat(c.outputPath(e.Digest))
	if err != nil || info.Size() != e.Size {
		return Entry{}, false
	}
	if used, err := os.Stat(path); err == nil {
		e.Used = used.ModTime()
		c.touch(path, e.Used)
	}
	return e, true
}

// maxEntry bounds the file of an entry.
const maxEntry = 64 << 10

func readEntry(path string) (Entry, error) {
	f, err := os.Open(path)
	if err != nil {
		return Entry{}, err
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxEntry))
	if err != nil {
		return Entry{}, err
	}
	return parseEntry(text)
}

func parseEntry(text []byte) (Entry, error) {
	var e Entry
	if err := json.Unmarshal(text, &e); err != nil {
		return Entry{}, err
	}
	if e.Size < 0 {
		return Entry{}, errors.New("negative size")
	}
	return e, nil
}

func (c *Cache) touch(path string, last time.Time) {
	if now := c.now(); now.Sub(last) > usedInterval {
		_ = os.Chtimes(path, now, now) // a stale time of use only misleads Trim
	}
}

// File is an output opened for reading. It stays readable when the cache is
// trimmed or deleted meanwhile.
type File struct {
	*os.File
	cache *Cache
	entry Entry
	look  look // when its bytes were checked
}

// Size returns the number of bytes.
func (f *File) Size() int64 { return f.entry.Size }

// Digest returns the hash of the bytes.
func (f *File) Digest() Digest { return f.entry.Digest }

// ErrDamaged is the root of errors about outputs that changed while they were
// open. The entry is removed, so that it is computed anew.
var ErrDamaged = errors.New("the cache was damaged while it was in use")

// ReadAt reads what was checked: bytes that somebody changed since are ErrDamaged.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.File.ReadAt(p, off)
	if now, bad := lookOf(f.File); bad == nil && now != f.look {
		f.cache.drop(f.entry)
		return 0, fmt.Errorf("%w: %s was changed; run again and it is computed anew", ErrDamaged, f.Name())
	}
	return n, err
}

// look tells two states of a file apart without reading it.
type look struct {
	size  int64
	mtime time.Time
}

func lookOf(f *os.File) (look, error) {
	info, err := f.Stat()
	if err != nil {
		return look{}, err
	}
	return look{info.Size(), info.ModTime()}, nil
}

// Get opens a computation's output. Its bytes are checked once in a process,
// and again when the file looks changed; an output that is missing, short or
// changed is removed and is a miss.
func (c *Cache) Get(k Key) (*File, bool) {
	e, ok := c.Lookup(k)
	if !ok {
		return nil, false
	}
	f, err := os.Open(c.outputPath(e.Digest))
	if err != nil {
		return nil, false
	}
	now, err := lookOf(f)
	if err != nil || !c.intact(e.Digest, f, now) {
		_ = f.Close()
		c.drop(e)
		return nil, false
	}
	return &File{f, c, e, now}, true
}

func (c *Cache) intact(want Digest, f *os.File, now look) bool {
	c.mu.Lock()
	then, done := c.verified[want]
	c.mu.Unlock()
	if done && then == now {
		return true
	}
	got, err := digestOf(f)
	if err != nil || got != want {
		return false
	}
	c.trust(want, now)
	return true
}

func (c *Cache) trust(d Digest, now look) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.verified[d] = now
}

// drop removes a damaged entry and its output.
func (c *Cache) drop(e Entry) {
	c.mu.Lock()
	delete(c.verified, e.Digest)
	c.mu.Unlock()
	_ = os.Remove(c.keyPath(e.Key)) // already gone is as good
	_ = os.Remove(c.outputPath(e.Digest))
}

// GetBytes returns a whole small output.
func (c *Cache) GetBytes(k Key) ([]byte, bool) {
	f, ok := c.Get(k)
	if !ok {
		return nil, false
	}
	defer func() { _ = f.Close() }()
	b := make([]byte, f.Size())
	_, err := f.ReadAt(b, 0)
	return b, err == nil || (errors.Is(err, io.EOF) && len(b) == 0)
}

// writeFile replaces a file atomically. It does not wait for the disk: after a
// crash the file may be damaged, which its digest shows and which is a miss.
func (c *Cache) writeFile(path string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	t, err := c.temporary()
	if err != nil {
		return err
	}
	defer t.discard()
	if _, err := t.f.Write(b); err != nil {
		return err
	}
	return os.Rename(t.f.Name(), path)
}
