package loaders

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
)

// MayWriteFile refuses targets that WriteFile would not write, before the work
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

// WriteFile writes an output that is one file: it is there whole or not at all.
// What stands there is replaced if it is the caller's own, or with Force.
func WriteFile(target string, content []byte, own bool, o StageOptions) error {
	if err := MayWriteFile(target, own, o); err != nil {
		return err
	}
	f, err := CreateFile(target)
	if err != nil {
		return err
	}
	if _, err := f.Write(content); err != nil {
		return errors.Join(err, f.Discard())
	}
	return f.Commit()
}

// PendingFile is a file that is there under its name once it is whole. It is
// the caller's to end, by Commit or Discard.
type PendingFile struct {
	*os.File
	target string
	lock   *flock.Flock
}

// CreateFile begins a file, in a folder that it makes. What a killed run left
// of it is overwritten, and a run that writes the same one is an error.
func CreateFile(target string) (*PendingFile, error) {
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
	p := &PendingFile{target: target, lock: lock}
	if p.File, err = os.OpenFile(filepath.Join(parent, "."+name+".roux-tmp"), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o644); err != nil {
		return nil, errors.Join(err, p.unlock())
	}
	return p, nil
}

// Commit makes the file appear in place of what stood there.
func (p *PendingFile) Commit() error {
	err := errors.Join(p.Sync(), p.Close())
	if err == nil {
		err = os.Rename(p.Name(), p.target)
	}
	if err != nil {
		return errors.Join(err, os.Remove(p.Name()), p.unlock())
	}
	return errors.Join(syncDir(filepath.Dir(p.target)), p.unlock())
}

// Discard leaves nothing behind.
func (p *PendingFile) Discard() error {
	return errors.Join(p.Close(), os.Remove(p.Name()), p.unlock())
}

func (p *PendingFile) unlock() error { return errors.Join(os.Remove(p.lock.Path()), p.lock.Unlock()) }
