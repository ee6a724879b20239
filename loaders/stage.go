package loaders

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gofrs/flock"
)

// Marker is the file by which roux knows a directory that it wrote, and what in
// it: its files, by name.
const Marker = "roux.lock.json"

// StageOptions say what Stage may replace.
type StageOptions struct {
	Force   bool     // replace a directory that roux did not write
	Protect []string // inputs, which no output may replace or lie in
}

// Staging is a directory beside the target that becomes the target at once.
type Staging struct {
	target, dir, old string
	lock             *flock.Flock
}

// Stage makes the staging directory, after sweeping what a killed run left. It
// holds a lock on the target until Publish or Discard.
func Stage(target string, o StageOptions) (*Staging, error) {
	if err := mayReplace(target, o); err != nil {
		return nil, err
	}
	parent, name := filepath.Split(filepath.Clean(target))
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return nil, fmt.Errorf("cannot write to %s: %w (choose a path where you may write)", parent, err)
	}
	s := &Staging{target: filepath.Clean(target), dir: filepath.Join(parent, "."+name+".roux-tmp"), old: filepath.Join(parent, "."+name+".roux-old")}
	var err error
	s.lock, err = tryLock(filepath.Join(parent, "."+name+".roux-writing"))
	if err != nil {
		return nil, fmt.Errorf("cannot write to %s: %w (choose a path where you may write)", parent, err)
	}
	if s.lock == nil {
		return nil, fmt.Errorf("another roux run is writing %s: wait for it, or choose another path", target)
	}
	if err := s.recover(); err != nil {
		return nil, errors.Join(err, s.unlock())
	}
	if err := os.Mkdir(s.dir, 0o755); err != nil {
		return nil, errors.Join(err, s.unlock())
	}
	return s, nil
}

// tryLock locks a file, or returns nil when another process holds it. Whoever
// held it before removed it: a lock on a file that is no longer there is none.
func tryLock(path string) (*flock.Flock, error) {
	for {
		l := flock.New(path)
		ok, err := l.TryLock()
		if err != nil || !ok {
			return nil, err
		}
		held, err := l.Stat()
		now, gone := os.Stat(path)
		if err == nil && gone == nil && os.SameFile(held, now) {
			return l, nil
		}
		if err := errors.Join(err, l.Unlock()); err != nil {
			return nil, err
		}
	}
}

// recover puts right what a run left that was killed: a half-written staging
// directory goes, a target that was moved aside and not yet replaced returns.
func (s *Staging) recover() error {
	if _, err := os.Stat(s.target); errors.Is(err, os.ErrNotExist) {
		if _, err := os.Stat(s.old); err == nil {
			if err := os.Rename(s.old, s.target); err != nil {
				return err
			}
		}
	}
	return errors.Join(os.RemoveAll(s.dir), os.RemoveAll(s.old))
}

// mayReplace refuses targets that are not ours.
func mayReplace(target string, o StageOptions) error {
	if err := o.spares(target); err != nil {
		return err
	}
	info, err := os.Stat(target)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is a file, and the output is a directory: choose another path", target)
	}
	files, err := os.ReadDir(target)
	if err != nil {
		return err
	}
	if len(files) == 0 || o.Force {
		return nil
	}
	text, err := os.ReadFile(filepath.Join(target, Marker))
	if err != nil {
		return foreign(target)
	}
	name, err := stranger(target, text)
	if err != nil {
		return err
	}
	if name != "" {
		return fmt.Errorf("%s lies in %s and was not written by roux: move it away, or have all replaced with --force", name, target)
	}
	return nil
}

// stranger returns a file below a directory that its marker does not list, if
// the marker lists any.
func stranger(dir string, marker []byte) (name string, err error) {
	var m struct {
		Files []string `json:"files"`
	}
	if json.Unmarshal(marker, &m) != nil || m.Files == nil {
		return "", nil
	}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if rel = filepath.ToSlash(rel); err != nil || slices.Contains(m.Files, rel) {
			return err
		}
		if d.IsDir() && slices.ContainsFunc(m.Files, func(f string) bool { return strings.HasPrefix(f, rel+"/") }) {
			return nil
		}
		name = rel
		return filepath.SkipAll
	})
	return name, err
}

func foreign(target string) error {
	return fmt.Errorf("%s exists and was not written by roux: choose another path, or replace it with --force", target)
}

// spares refuses a target that is an input.
func (o StageOptions) spares(target string) error {
	real := realPath(target)
	for _, p := range o.Protect {
		in := realPath(p)
		if real == in || strings.HasPrefix(real, in+string(filepath.Separator)) || strings.HasPrefix(in, real+string(filepath.Separator)) {
			return fmt.Errorf("the output %s would overwrite the input %s: choose another path", target, p)
		}
	}
	return nil
}

// realPath follows links as far as the path exists.
func realPath(p string) string {
	abs, err := filepath.Abs(p)
	if err != nil {
		return p
	}
	for dir, rest := abs, ""; ; {
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			return filepath.Join(real, rest)
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return abs
		}
		rest = filepath.Join(filepath.Base(dir), rest)
		dir = parent
	}
}

// Dir is where to write.
func (s *Staging) Dir() string { return s.dir }

// Publish makes the directory durable and moves it into place. What stood
// there before is removed only afterwards.
func (s *Staging) Publish() error {
	if err := syncAll(s.dir); err != nil {
		return err
	}
	if err := os.Rename(s.target, s.old); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.Rename(s.dir, s.target); err != nil {
		return errors.Join(err, s.recover())
	}
	return errors.Join(syncDir(filepath.Dir(s.target)), os.RemoveAll(s.old), s.unlock())
}

// Discard removes the directory.
func (s *Staging) Discard() error {
	return errors.Join(os.RemoveAll(s.dir), s.unlock())
}

// unlock removes the lock file while it is still held, so that none stays
// behind.
func (s *Staging) unlock() error {
	return errors.Join(os.Remove(s.lock.Path()), s.lock.Unlock())
}

// syncAll makes a directory and all in it durable; weights were synced by their
// sink, for which another sync costs nothing.
func syncAll(dir string) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() && !e.Type().IsRegular() {
			return err
		}
		return syncDir(path)
	})
}

func syncDir(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	return f.Sync()
}
