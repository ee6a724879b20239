package loaders

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWriteFile: a file is written whole and alone; inputs, directories and what
// is not the caller's are spared.
func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "new", "a.gguf")
	put := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := WriteFile(target, []byte("one"), false, StageOptions{}); err != nil {
		t.Fatal(err)
	}
	put(filepath.Join(dir, "new", ".a.gguf.roux-tmp"), "what a killed run left, longer than what comes")
	for _, c := range []struct {
		own, force bool
		path, says string
	}{
		{false, false, target, "was not written by roux: choose another path, or replace it with --force"},
		{true, false, target, ""},
		{false, true, target, ""},
		{true, true, filepath.Dir(target), "is a directory, and the output is a file"},
		{true, true, filepath.Join(dir, "input"), "would overwrite the input"},
	} {
		err := WriteFile(c.path, []byte("two"), c.own, StageOptions{Force: c.force, Protect: []string{filepath.Join(dir, "input")}})
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if text, err := os.ReadFile(target); err != nil || string(text) != "two" {
		t.Errorf("%q %v", text, err)
	}
	if files, err := os.ReadDir(filepath.Dir(target)); err != nil || len(files) != 1 {
		t.Errorf("%v %v", files, err)
	}
}

// TestStageFile: a disk that has no room is said before anything is written, or
// by the write that fails, and nothing is left of the file; one at a time writes
// a file, and what a killed one left is written over.
func TestStageFile(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "x.kld")
	_, err := StageFile(target, 1<<60, false, StageOptions{})
	if err == nil || !strings.Contains(err.Error(), "make room or write elsewhere") {
		t.Errorf("an exabyte: %v", err)
	}
	for _, name := range []string{".x.kld.roux-tmp", ".x.kld.roux-writing"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("of a killed run, and longer"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := StageFile(target, 4, false, StageOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := StageFile(target, 4, false, StageOptions{}); err == nil || !strings.Contains(err.Error(), "another roux run is writing") {
		t.Errorf("a second one at once: %v", err)
	}
	if full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0); err == nil { // where there is one
		name := s.f
		s.f = full
		if _, err := s.WriteAt([]byte("some"), 0); err == nil || !strings.Contains(err.Error(), "x.kld takes 4 bytes: make room in "+dir) {
			t.Errorf("a full disk: %v", err)
		}
		s.f = name
	}
	for i, part := range []string{"le", "wh", "o"} {
		if _, err := s.WriteAt([]byte(part), []int64{2, 0, 2}[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Commit(); err != nil {
		t.Fatal(err)
	}
	if text := content(target); text != "whoe" {
		t.Errorf("%q", text)
	}
	if s, err = StageFile(target, 9, true, StageOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := s.Discard(); err != nil {
		t.Fatal(err)
	}
	alone(t, target)
}
