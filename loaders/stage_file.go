package loaders

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
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
	parent, name := filepath.Dir(target), filepath.Base(target)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return fmt.Errorf("cannot write to %s: %w (choose a path where you may write)", parent, err)
	}
	lock, err := tryLock(filepath.Join(parent, "."+name+".roux-writing"))
	if err != nil {
		return fmt.Errorf("cannot write to %s: %w (choose a path where you may write)", parent, err)
	}
	if lock == nil {
		return fmt.Errorf("another roux run is writing %s: wait for it, or choose another path", target)
	}
	err = writeWhole(filepath.Join(parent, "."+name+".roux-tmp"), target, content)
	return errors.Join(err, os.Remove(lock.Path()), lock.Unlock())
}

// writeWhole writes beside the target and renames. What a killed run left there
// is overwritten.
func writeWhole(temporary, target string, content []byte) error {
	f, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(temporary, target)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temporary))
	}
	return syncDir(filepath.Dir(target))
}
