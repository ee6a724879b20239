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

// TestCreateFile: a file that is begun is nobody else's to write, appears when
// it is whole, and leaves nothing when it is given up; one that a killed run
// left is overwritten.
func TestCreateFile(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "new", "a.kld")
	f, err := CreateFile(target)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := CreateFile(target); err == nil || !strings.Contains(err.Error(), "another roux run is writing") {
		t.Errorf("a second one: %v", err)
	}
	if _, err := os.Stat(target); err == nil {
		t.Error("it is there before it is whole")
	}
	if err := f.Discard(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(filepath.Dir(target)); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	for _, name := range []string{".a.kld.roux-tmp", ".a.kld.roux-writing"} {
		if err := os.WriteFile(filepath.Join(dir, "new", name), []byte("of a killed run"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if f, err = CreateFile(target); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("whole"), 0); err != nil {
		t.Fatal(err)
	}
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(target); err != nil || string(text) != "whole" {
		t.Errorf("%q %v", text, err)
	}
	if left, err := os.ReadDir(filepath.Dir(target)); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v %v", left, err)
	}
}
