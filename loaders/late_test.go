package loaders

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rouxml/roux/tensor"
)

// TestLate: a file is opened when it is read, says when it shrank, and reads no
// more once it is closed, whether anything was read before or not.
func TestLate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(path, []byte("headABCD"), 0o644); err != nil {
		t.Fatal(err)
	}
	open := func() *Late {
		l, err := OpenLate(path, func(f *os.File, size int64) error {
			if size != 8 {
				t.Errorf("%d bytes", size)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	used, unused := open(), open()
	x := &Stored{File: used, Header: tensor.Info{Name: "x", DType: tensor.U8, Shape: tensor.Shape{4}}, Begin: 4}
	got := make([]byte, 4)
	if n, err := x.ReadAt(got, 1); n != 3 || !errors.Is(err, io.EOF) || string(got[:3]) != "BCD" {
		t.Errorf("%d bytes, %q, %v", n, got, err)
	}
	for _, off := range []int64{-1, 5} {
		if _, err := x.ReadAt(got, off); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("offset %d: %v", off, err)
		}
	}
	if err := os.Truncate(path, 6); err != nil {
		t.Fatal(err)
	}
	if _, err := x.ReadAt(got, 0); !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), "became shorter") {
		t.Errorf("a file that shrank gives %v", err)
	}
	for _, l := range []*Late{used, unused} {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if err := l.Fill(got[:1], 0); !errors.Is(err, os.ErrClosed) {
			t.Errorf("a closed file gives %v", err)
		}
	}
	if _, err := OpenLate(path, func(*os.File, int64) error { return errors.New("bad header") }); err == nil || err.Error() != path+": bad header" {
		t.Errorf("got %v", err)
	}
}

// TestLateReplaced: another file in the place of the one whose header was read
// gives neither bytes nor an identity.
func TestLateReplaced(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	open := func() *Late {
		l, err := OpenLate(path, func(*os.File, int64) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	write(path, "old bytes")
	same, other := open(), open()
	got := make([]byte, 9)
	if err := same.Fill(got, 0); err != nil || string(got) != "old bytes" {
		t.Fatalf("%q %v", got, err)
	}
	if _, err := same.FileID(); err != nil {
		t.Error(err)
	}
	write(filepath.Join(dir, "y"), "new bytes")
	if err := os.Rename(filepath.Join(dir, "y"), path); err != nil {
		t.Fatal(err)
	}
	if err := other.Fill(got, 0); err == nil || !strings.Contains(err.Error(), "changed since its header was read") {
		t.Errorf("got %q, %v", got, err)
	}
	if id, err := other.FileID(); err == nil {
		t.Errorf("the new file's identity %s", id)
	}
	if err := same.Fill(got, 0); err != nil || string(got) != "old bytes" {
		t.Errorf("the file that is open: %q %v", got, err)
	}
	if err := errors.Join(same.Close(), other.Close()); err != nil {
		t.Error(err)
	}
}

// TestLateWritten: a file that is written to in its place while it is open gives
// no more bytes.
func TestLateWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(path, []byte("old bytes"), 0o644); err != nil {
		t.Fatal(err)
	}
	l, err := OpenLate(path, func(*os.File, int64) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	got := make([]byte, 9)
	if err := l.Fill(got, 0); err != nil {
		t.Fatal(err)
	}
	time.Sleep(20 * time.Millisecond) // the file system's clock ticks
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("new"), 0); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := l.Fill(got[:5], 4); err == nil || !strings.Contains(err.Error(), "changed since its header was read") {
		t.Errorf("got %q, %v", got, err)
	}
}
