package loaders

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/gofrs/flock"
)

// MayWriteFile refuses targets that StageFile would not write, before the work
// for what is to stand there.
func MayWriteFile(target string, own bool, o StageOptions) error {
	if err := o.spares(target); err != nil {
		return err
	}
	switch info, err := os.Stat(target); {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.IsDir():
		return fmt.Errorf("%s is a directory, and the output is a file: choose another path", target)
	case !own && !o.Force:
		return foreign(target)
	}
	return nil
}

// StagedFile is a file beside its target that becomes the target at once.
type StagedFile struct {
	target string
	size   int64
	f      *os.File
	lock   *flock.Flock
}

// StageFile begins an output that is one file of a known size. What stands there
// is replaced if it is the caller's own, or with Force; what a killed run left
// beside it is written over. It holds a lock on the target until Commit or
// Discard. A disk without room is an error now, where the system can tell.
func StageFile(target string, size int64, own bool, o StageOptions) (*StagedFile, error) {
	if err := MayWriteFile(target, own, o); err != nil {
		return nil, err
	}
	parent, name := filepath.Dir(target), filepath.Base(target)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return nil, fmt.Errorf("cannot write to %s: %w (choose a path where you may write)", parent, err)
	}
	lock, err := tryLock(filepath.Join(parent, "."+name+".roux-writing"))
	if err != nil {
		return nil, fmt.Errorf("cannot write to %s: %w (choose a path where you may write)", parent, err)
	}
	if lock == nil {
		return nil, fmt.Errorf("another roux run is writing %s: wait for it, or choose another path", target)
	}
	s := &StagedFile{target: target, size: size, lock: lock}
	s.f, err = os.OpenFile(filepath.Join(parent, "."+name+".roux-tmp"), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return nil, errors.Join(err, s.unlock())
	}
	if err = CheckRoom(parent, size); err == nil {
		err = s.full(reserve(s.f, size))
	}
	if err != nil {
		return nil, errors.Join(err, s.Discard())
	}
	return s, nil
}

// WriteAt writes bytes to their place, from several goroutines if need be.
func (s *StagedFile) WriteAt(b []byte, off int64) (int, error) {
	n, err := s.f.WriteAt(b, off)
	return n, s.full(err)
}

// full says of a full disk what was needed and what is free.
func (s *StagedFile) full(err error) error {
	if !errors.Is(err, syscall.ENOSPC) {
		return err
	}
	dir := filepath.Dir(s.target)
	if room := CheckRoom(dir, s.size); room != nil {
		return fmt.Errorf("%w (%w)", room, err)
	}
	return fmt.Errorf("%w: %s takes %d bytes: make room in %s or write elsewhere", err, s.target, s.size, dir)
}

// Commit makes the file durable and moves it into place.
func (s *StagedFile) Commit() error {
	temporary := s.f.Name()
	err := s.full(errors.Join(s.f.Sync(), s.f.Close()))
	if err == nil {
		err = os.Rename(temporary, s.target)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temporary), s.unlock())
	}
	return errors.Join(syncDir(filepath.Dir(s.target)), s.unlock())
}

// Discard leaves nothing behind.
func (s *StagedFile) Discard() error {
	return errors.Join(s.f.Close(), os.Remove(s.f.Name()), s.unlock())
}

func (s *StagedFile) unlock() error {
	return errors.Join(os.Remove(s.lock.Path()), s.lock.Unlock())
}

// WriteFile writes an output that is one file, as StageFile does: it is there
// whole or not at all.
func WriteFile(target string, content []byte, own bool, o StageOptions) error {
	s, err := StageFile(target, int64(len(content)), own, o)
	if err != nil {
		return err
	}
	if _, err := s.WriteAt(content, 0); err != nil {
		return errors.Join(err, s.Discard())
	}
	return s.Commit()
}
