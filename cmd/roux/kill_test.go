package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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
	killAndRerun(t, killRecipe, 20, func(t *testing.T, dir, _ string) string { return tree(t, filepath.Join(dir, "out")) })
}

const killEvaluations = `roux: 1
seed: 3
models: {base: testdata/models/base, sums: testdata/models/sums, lists: testdata/models/lists}
data:
  sums: {text: testdata/data/sums.held.txt, length: 64, samples: 12, seed: 5}
  prose: {text: testdata/data/prose.held.txt, length: 64, samples: 12}
  quiz: {task: testdata/data/quiz.task.yaml}
  free: {task: testdata/data/sums.task.yaml, samples: 4}
steps:
  merged: {op: merge.ties, base: base, models: [sums, lists], density: 0.5}
  low: {op: lowrank.svd, model: merged, rank: 16, where: kind == "mlp.down"}
  pruned: {op: prune.wanda, model: base, calibrate: prose, sparsity: 0.5}
  on_sums: {op: evaluate.perplexity, models: [base, merged, low, pruned], data: sums}
  on_prose: {op: evaluate.perplexity, models: [base, merged, low, pruned], data: prose, protocol: hf-stride}
  kl: {op: evaluate.kl, reference: base, models: [merged, pruned], data: sums}
  choice: {op: evaluate.choice, models: [base, low], data: quiz}
  generate: {op: evaluate.generate, models: [low], data: free}
  together: {op: evaluate.combine, models: [base, low], data: sums}
`

// TestKillEvaluations kills evaluations at random points: each time the next
// run comes to the same metrics bit for bit, and takes from the cache what had
// ended, which is each model over each data.
func TestKillEvaluations(t *testing.T) {
	resumed := 0
	see := func(t *testing.T, _, stdout string) string {
		metrics, _ := eventsOf(t, stdout)
		var steps []string
		held := 0
		for _, m := range metrics {
			if m.Hit {
				held++
			}
			m.Hit = false
			text, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			steps = append(steps, string(text))
		}
		if held > 0 && held < len(steps) {
			resumed++
		}
		slices.Sort(steps)
		return strings.Join(steps, "\n")
	}
	for round := 0; round == 0 || resumed == 0 && round < 4; round++ { // a busy machine may end all of them too early
		killAndRerun(t, killEvaluations, 8, see)
	}
	if resumed == 0 {
		t.Error("no run took up what a killed one had ended")
	}
}

// killAndRerun kills runs of a recipe at random points. What is seen after the
// next run in its folder is to be what a run that nobody kills shows; the cache
// is to be whole, and nothing temporary left.
func killAndRerun(t *testing.T, recipe string, times int, see func(t *testing.T, dir, stdout string) string) {
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
		if err := os.WriteFile(filepath.Join(dir, "r.yaml"), []byte(recipe), 0o644); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	command := func(dir string, args ...string) *exec.Cmd {
		c := exec.Command(bin, append(args, "--cache", "cache")...)
		c.Dir = dir
		return c
	}
	finish := func(dir string) string {
		t.Helper()
		c := command(dir, "run", "--json", "r.yaml")
		var stderr bytes.Buffer
		c.Stderr = &stderr
		stdout, err := c.Output()
		if err != nil {
			t.Fatalf("%v\n%s%s", err, stdout, stderr.String())
		}
		return see(t, dir, string(stdout))
	}
	start := time.Now()
	want := finish(place(t))
	whole := time.Since(start)
	r := rand.New(rand.NewPCG(uint64(start.UnixNano()), 0))
	killed := 0
	for range times {
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
		if got := finish(dir); got != want {
			t.Fatalf("the run after a kill left\n%s\nwant\n%s", got, want)
		}
		if out, err := command(dir, "cache", "verify").CombinedOutput(); err != nil || !strings.Contains(string(out), " 0 damaged") {
			t.Fatalf("%v\n%s", err, out)
		}
		if left, _ := os.ReadDir(filepath.Join(dir, "cache", "tmp")); len(left) > 0 {
			t.Fatalf("left in the cache: %v", left)
		}
	}
	if killed < times/4 {
		t.Errorf("only %d of %d runs were killed before their end", killed, times)
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
