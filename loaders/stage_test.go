package loaders

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// put writes a small file.
func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// content returns a file's text, or nothing.
func content(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return string(b)
}

// TestPublish: nothing is seen before Publish, all of it after, and what roux
// wrote before is replaced whole.
func TestPublish(t *testing.T) {
	target := filepath.Join(t.TempDir(), "a", "out")
	for _, round := range []string{"one", "two"} {
		s, err := Stage(target, StageOptions{})
		if err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(s.Dir(), Marker), "{}")
		put(t, filepath.Join(s.Dir(), round), round)
		if content(filepath.Join(target, round)) != "" {
			t.Error("seen before Publish")
		}
		if err := s.Publish(); err != nil {
			t.Fatal(err)
		}
		if content(filepath.Join(target, round)) != round {
			t.Error("not seen after Publish")
		}
	}
	if content(filepath.Join(target, "one")) != "" {
		t.Error("a file of the earlier output stayed")
	}
	alone(t, target)
}

// alone checks that nothing stands beside the target.
func alone(t *testing.T, target string) {
	t.Helper()
	list, err := os.ReadDir(filepath.Dir(target))
	if err != nil || len(list) > 1 {
		t.Errorf("beside the target: %v %v", list, err)
	}
}

// TestDiscard leaves what stood there before.
func TestDiscard(t *testing.T) {
	target := filepath.Join(t.TempDir(), "out")
	put(t, filepath.Join(target, Marker), "old")
	s, err := Stage(target, StageOptions{})
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(s.Dir(), "half"), "half")
	if err := s.Discard(); err != nil {
		t.Fatal(err)
	}
	if content(filepath.Join(target, Marker)) != "old" {
		t.Error("the earlier output is gone")
	}
	alone(t, target)
}

// TestRefusals: inputs, foreign directories, files and a second run at once.
func TestRefusals(t *testing.T) {
	dir := t.TempDir()
	input := filepath.Join(dir, "input")
	put(t, filepath.Join(input, "model.safetensors"), "w")
	foreign := filepath.Join(dir, "foreign")
	put(t, filepath.Join(foreign, "thesis.tex"), "t")
	put(t, filepath.Join(dir, "file"), "f")
	link := filepath.Join(dir, "link")
	if err := os.Symlink(input, link); err != nil {
		t.Fatal(err)
	}
	busy := filepath.Join(dir, "busy")
	first, err := Stage(busy, StageOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = first.Discard() }()
	for target, want := range map[string]string{
		input: "overwrite the input", filepath.Join(input, "deep"): "overwrite the input", dir: "overwrite the input",
		link: "overwrite the input", foreign: "was not written by roux", filepath.Join(dir, "file"): "is a file", busy: "another roux run is writing",
	} {
		_, err := Stage(target, StageOptions{Protect: []string{input}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", target, err, want)
		}
	}
	if content(filepath.Join(foreign, "thesis.tex")) != "t" {
		t.Error("a foreign file was touched")
	}
	if s, err := Stage(foreign, StageOptions{Force: true}); err != nil {
		t.Error(err)
	} else if err := s.Discard(); err != nil {
		t.Error(err)
	}
}

// TestRecover: what a killed run left is swept, and a target that was moved
// aside returns.
func TestRecover(t *testing.T) {
	target := filepath.Join(t.TempDir(), "out")
	parent := filepath.Dir(target)
	put(t, filepath.Join(parent, ".out.roux-tmp", "half"), "half")
	put(t, filepath.Join(parent, ".out.roux-old", Marker), "old")
	put(t, filepath.Join(parent, ".out.roux-writing"), "")
	s, err := Stage(target, StageOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if content(filepath.Join(s.Dir(), "half")) != "" {
		t.Error("the half-written directory stayed")
	}
	if err := s.Discard(); err != nil {
		t.Fatal(err)
	}
	if content(filepath.Join(target, Marker)) != "old" {
		t.Error("the target did not return")
	}
	alone(t, target)
}

// TestReadOnly: a parent where nobody may write is an error with a cure.
func TestReadOnly(t *testing.T) {
	if os.Geteuid() == 0 {
		put(t, filepath.Join(t.TempDir(), "x"), "") // root may write anywhere; a file in the way stands for it
		dir := filepath.Join(t.TempDir(), "file")
		put(t, dir, "")
		if _, err := Stage(filepath.Join(dir, "out"), StageOptions{}); err == nil {
			t.Error("no error")
		}
		return
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	if _, err := Stage(filepath.Join(dir, "out"), StageOptions{}); err == nil || !strings.Contains(err.Error(), "where you may write") {
		t.Errorf("got %v", err)
	}
}

// TestFileID: small files by content, blobs by name.
func TestFileID(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "a"), "same")
	put(t, filepath.Join(dir, "b"), "same")
	put(t, filepath.Join(dir, "c"), "other")
	id := func(name string) string {
		s, err := FileID(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if id("a") != id("b") || id("a") == id("c") {
		t.Error(id("a"), id("b"), id("c"))
	}
	blob := strings.Repeat("ab", 32)
	put(t, filepath.Join(dir, blob), "x")
	if err := os.Symlink(blob, filepath.Join(dir, "model.safetensors")); err != nil {
		t.Fatal(err)
	}
	if got := id("model.safetensors"); got != "sha256:"+blob {
		t.Error(got)
	}
}

// TestOneAtATime: of many who stage one target at once, one at a time is let in.
func TestOneAtATime(t *testing.T) {
	target := filepath.Join(t.TempDir(), "out")
	var inside, let atomic.Int32
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 200 {
				s, err := Stage(target, StageOptions{})
				if err != nil {
					if !strings.Contains(err.Error(), "another roux run") {
						t.Error(err)
					}
					continue
				}
				if n := inside.Add(1); n > 1 {
					t.Errorf("%d are inside at once", n)
				}
				let.Add(1)
				inside.Add(-1)
				if err := s.Discard(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if let.Load() == 0 {
		t.Error("nobody was let in")
	}
}

// TestStrangerBelow: what lies in a folder of an output counts as what lies
// beside it.
func TestStrangerBelow(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	put(t, filepath.Join(dir, Marker), `{"files": ["roux.lock.json", "code/x.py"]}`)
	put(t, filepath.Join(dir, "code", "x.py"), "x")
	s, err := Stage(dir, StageOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Discard(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"code/notes.txt", "mine/notes.txt"} {
		put(t, filepath.Join(dir, name), "n")
		if _, err := Stage(dir, StageOptions{}); err == nil || !strings.Contains(err.Error(), "was not written by roux") {
			t.Errorf("%s: %v", name, err)
		}
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}
