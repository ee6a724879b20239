package loaders

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"

	"github.com/rouxml/roux/tensor"
)

// Late is a file of weights whose header was read and whose bytes are opened
// when they are first asked for: a model of hundreds of shards holds a handle
// for those alone that are in use. Readers of files embed it. It is safe for
// concurrent use; reads are plain preads, so that a file which shrinks
// underneath gives an error and resident memory stays what the caller
// allocates.
type Late struct {
	path string
	was  os.FileInfo // when the header was read

	openOnce sync.Once
	f        *os.File
	openErr  error

	idOnce sync.Once
	id     string
	idErr  error
}

// OpenLate has the header of a file read, and closes the file again. An error
// of the header gets the path in front.
func OpenLate(path string, header func(f *os.File, size int64) error) (*Late, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := header(f, info.Size()); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &Late{path: path, was: info}, nil
}

// open opens the file again, which must be the one whose header was read: bytes
// of another would be taken for its tensors, and kept under their keys.
func (l *Late) open() (*os.File, error) {
	f, err := os.Open(l.path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil {
		err = l.unchanged(info)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (l *Late) unchanged(now os.FileInfo) error {
	if os.SameFile(l.was, now) && l.was.Size() == now.Size() && l.was.ModTime().Equal(now.ModTime()) {
		return nil
	}
	return l.changed()
}

func (l *Late) changed() error {
	return fmt.Errorf("%s: the file changed since its header was read: let nothing write to it, and run again", l.path)
}

// Fill reads all of p from an offset of the file. Fewer bytes are an error, and
// so is a file that was written to.
func (l *Late) Fill(p []byte, off int64) error {
	l.openOnce.Do(func() { l.f, l.openErr = l.open() })
	if l.openErr != nil {
		return l.openErr
	}
	n, err := l.f.ReadAt(p, off)
	switch {
	case n < len(p) && errors.Is(err, io.EOF):
		return fmt.Errorf("%s: the file became shorter while it was read: %w", l.path, io.ErrUnexpectedEOF)
	case n < len(p):
		return err
	}
	// What was written into the file meanwhile must not pass for what its
	// identity names, under which results are kept.
	size, modified, err := stampOf(l.f)
	if err == nil && (size != l.was.Size() || modified != l.was.ModTime().UnixNano()) {
		err = l.changed()
	}
	return err
}

// FileID is the file's FileID, which is found once.
func (l *Late) FileID() (string, error) {
	l.idOnce.Do(func() {
		if l.id, l.idErr = FileID(l.path); l.idErr != nil {
			return
		}
		info, err := os.Stat(l.path)
		if err == nil {
			err = l.unchanged(info)
		}
		l.idErr = err
	})
	return l.id, l.idErr
}

// Close releases the file. What reads afterwards gets os.ErrClosed.
func (l *Late) Close() error {
	l.openOnce.Do(func() { l.openErr = os.ErrClosed })
	if l.f == nil {
		return nil
	}
	return l.f.Close()
}

// Stored is a tensor whose bytes lie in a file one behind another.
type Stored struct {
	File   *Late
	Header tensor.Info
	Begin  int64 // of its bytes in the file
}

// Info returns the header.
func (t *Stored) Info() tensor.Info { return t.Header }

// ReadAt reads bytes of the tensor.
func (t *Stored) ReadAt(p []byte, off int64) (int, error) {
	return ReadRange(t.Header, p, off, func(p []byte, off int64) error { return t.File.Fill(p, t.Begin+off) })
}

// ID is the file's identity and the range in it.
func (t *Stored) ID(context.Context) (string, error) {
	id, err := t.File.FileID()
	return id + " " + strconv.FormatInt(t.Begin, 10) + "-" + strconv.FormatInt(t.Begin+t.Header.Bytes(), 10), err
}

// ReadRange is the ReadAt of a tensor with that header, made of a function that
// fills a slice with bytes from an offset on; it is only asked for bytes that
// the tensor has.
func ReadRange(info tensor.Info, p []byte, off int64, fill func(p []byte, off int64) error) (int, error) {
	size := info.Bytes()
	if off < 0 || off > size {
		return 0, fmt.Errorf("tensor %s: offset %d of %d", info.Name, off, size)
	}
	n := int(min(int64(len(p)), size-off))
	if n > 0 {
		if err := fill(p[:n], off); err != nil {
			return 0, err
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}
