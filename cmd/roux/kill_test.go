package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const killRecipe = `roux: 1
models:
  base: testdata/models/base
  sums: testdata/models/sums
  lists: testdata/models/lists
steps:
  merged: {op: merge.dare_ties, base: base, models: [sums, lists], density: 0.5}
  low: {op: lowrank.svd, rank: 16, where: 'kind in ["attn.q", "attn.o", "mlp.down"]'}
  pruned: {op: prune.magnitude, sparsity: 0.5, scope: model, cache: always}
outputs:
  low: {from: low, path: out/low}
  pruned: {from: pruned, path: out/pruned, shard_size: 1MB}
`

// TestKill kills a run at twenty random points: each time the next run gives
// the same bytes, the cache is intact, and nothing temporary is left.
func TestKill(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(t.TempDir(), "roux")
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	place := func(t *testing.T) string {
		dir := t.TempDir()
		if err := os.Symlink(filepath.Join(root, "testdata"), filepath.Join(dir, "testdata")); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "r.yaml"), []byte(killRecipe), 0o644); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	command := func(dir string, args ...string) *exec.Cmd {
		c := exec.Command(bin, append(args, "--cache", "cache")...)
		c.Dir = dir
		return c
	}
	clean := place(t)
	start := time.Now()
	if out, err := command(clean, "run", "r.yaml").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	whole := time.Since(start)
	want := tree(t, filepath.Join(clean, "out"))
	r := rand.New(rand.NewPCG(uint64(start.UnixNano()), 0))
	killed := 0
	for range 20 {
		dir := place(t)
		c := command(dir, "run", "r.yaml")
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(r.Int64N(int64(whole))))
		_ = c.Process.Signal(syscall.SIGKILL) // it may have ended
		if c.Wait() != nil {
			killed++
		}
		if out, err := command(dir, "run", "r.yaml").CombinedOutput(); err != nil {
			t.Fatalf("the run after a kill: %v\n%s", err, out)
		}
		if got := tree(t, filepath.Join(dir, "out")); got != want {
			t.Fatalf("the run after a kill left\n%s\nwant\n%s", got, want)
		}
		if out, err := command(dir, "cache", "verify").CombinedOutput(); err != nil || !strings.Contains(string(out), " 0 damaged") {
			t.Fatalf("%v\n%s", err, out)
		}
		if left, _ := os.ReadDir(filepath.Join(dir, "cache", "tmp")); len(left) > 0 {
			t.Fatalf("left in the cache: %v", left)
		}
	}
	if killed < 5 {
		t.Errorf("only %d of 20 runs were killed before their end", killed)
	}
}

// tree lists all files of a folder with the hash of their content.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		b.WriteString(rel + " " + hash(text) + "\n")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestInterrupt: Ctrl-C ends a run within two seconds and leaves nothing.
func TestInterrupt(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	bin := filepath.Join(dir, "roux")
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.Symlink(filepath.Join(root, "testdata"), filepath.Join(dir, "testdata")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "r.yaml"), []byte(killRecipe), 0o644); err != nil {
		t.Fatal(err)
	}
	c := exec.Command(bin, "run", "r.yaml", "--cache", "cache")
	c.Dir = dir
	var stderr bytes.Buffer
	c.Stderr = &stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if _, err := os.Stat(filepath.Join(dir, "out", ".low.roux-tmp")); err == nil {
			break // it is writing
		}
	}
	at := time.Now()
	if err := c.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait()
	if d := time.Since(at); d > 2*time.Second {
		t.Errorf("took %v to end", d)
	}
	if code := c.ProcessState.ExitCode(); code != exitInterrupted {
		t.Errorf("exit %d\n%s", code, stderr.String())
	}
	left, _ := filepath.Glob(filepath.Join(dir, "out", ".*"))
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
