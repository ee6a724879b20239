package cas

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// List returns all entries, least recently used first. Damaged ones are left
// out.
func (c *Cache) List(ctx context.Context) ([]Entry, error) {
	var entries []Entry
	err := filepath.WalkDir(filepath.Join(c.dir, "keys"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		e, bad := readEntry(path)
		info, gone := d.Info()
		if bad == nil && gone == nil {
			e.Used = info.ModTime()
			entries = append(entries, e)
		}
		return ctx.Err()
	})
	slices.SortFunc(entries, func(a, b Entry) int {
		return cmp.Or(a.Used.Compare(b.Used), cmp.Compare(a.Key.String(), b.Key.String()))
	})
	return entries, err
}

// Verify hashes every output again and reports each entry with what is wrong
// with it, or nil. It removes nothing.
func (c *Cache) Verify(ctx context.Context, report func(Entry, error)) error {
	entries, err := c.List(ctx)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		report(e, c.verifyOne(e))
	}
	return nil
}

func (c *Cache) verifyOne(e Entry) error {
	f, err := os.Open(c.outputPath(e.Digest))
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	got, err := digestOf(f)
	if err == nil && got != e.Digest {
		err = fmt.Errorf("its bytes have changed")
	}
	return err
}

// Limits say how far Trim goes; a zero field sets no limit.
type Limits struct {
	MaxBytes int64         // of all outputs together
	MaxAge   time.Duration // since last use
}

// Trim removes entries, least recently used first, until the limits hold.
// Outputs that running plans have open stay readable to them.
func (c *Cache) Trim(ctx context.Context, l Limits) (freed int64, removed int, err error) {
	entries, err := c.List(ctx)
	if err != nil {
		return 0, 0, err
	}
	users, total := map[Digest]int{}, int64(0)
	for _, e := range entries {
		if users[e.Digest]++; users[e.Digest] == 1 {
			total += e.Size
		}
	}
	for _, e := range entries {
		old := l.MaxAge > 0 && c.now().Sub(e.Used) > l.MaxAge
		if !old && (l.MaxBytes <= 0 || total <= l.MaxBytes) {
			continue
		}
		if err := os.Remove(c.keyPath(e.Key)); err != nil {
			return freed, removed, err
		}
		removed++
		if users[e.Digest]--; users[e.Digest] == 0 {
			_ = os.Remove(c.outputPath(e.Digest))
			freed, total = freed+e.Size, total-e.Size
		}
	}
	return freed, removed, nil
}

// Clear removes all entries, outputs and records.
func (c *Cache) Clear(context.Context) error {
	for _, sub := range []string{"keys", "outputs", "records"} {
		if err := os.RemoveAll(filepath.Join(c.dir, sub)); err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Join(c.dir, sub), 0o755); err != nil {
			return err
		}
	}
	return nil
}
