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
	killAndRerun(t, killRecipe, 20, atRandom, func(t *testing.T, dir, _ string) string { return tree(t, filepath.Join(dir, "out")) })
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
		steps, held := comparableMetrics(t, stdout)
		if held {
			resumed++
		}
		return steps
	}
	for round := 0; round == 0 || resumed == 0 && round < 4; round++ { // a busy machine may end all of them too early
		killAndRerun(t, killEvaluations, 8, atRandom, see)
	}
	if resumed == 0 {
		t.Error("no run took up what a killed one had ended")
	}
}

// comparableMetrics are what a run measured, whether it computed that or not, and
// whether the cache held some of it but not all.
func comparableMetrics(t *testing.T, stdout string) (string, bool) {
	t.Helper()
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
	slices.Sort(steps)
	return strings.Join(steps, "\n"), held > 0 && held < len(steps)
}

const killStatistics = `roux: 1
models: {base: testdata/models/base, sums: testdata/models/sums}
data:
  calib: {text: testdata/data/prose.held.txt, length: 64, samples: 8}
steps:
  pruned: {op: prune.wanda, model: base, calibrate: calib, sparsity: 0.5}
  low: {op: lowrank.svd, model: pruned, rank: 16, where: kind == "mlp.down"}
  on_prose: {op: evaluate.perplexity, models: [base, low, sums], data: calib}
  kl: {op: evaluate.kl, reference: base, models: [pruned, sums], data: calib}
outputs:
  pruned: {from: pruned, path: out/pruned}
  matrix: {from: base, calibrate: calib, format: imatrix, path: out/base.gguf}
  old: {from: sums, calibrate: calib, format: imatrix, path: out/sums.dat}
`

// TestKillWhileKeeping kills runs while they write into the cache, at its first
// entries and at later ones: sums of channels, weights, results of evaluations; or beside an output that is a file. The next run comes to the
// same bytes and metrics.
func TestKillWhileKeeping(t *testing.T) {
	entry := 0
	wait := func(dir string, _ time.Duration, ended func() bool) {
		entry++
		for !ended() {
			files, _ := filepath.Glob(filepath.Join(dir, "cache", "tmp", "*"))
			held, _ := filepath.Glob(filepath.Join(dir, "cache", "outputs", "*", "*"))
			writing, _ := filepath.Glob(filepath.Join(dir, "out", ".*.roux-tmp"))
			if len(files) > 0 && len(held) >= 4*(entry-1) || entry > 9 && len(writing) > 0 {
				return
			}
		}
	}
	killAndRerun(t, killStatistics, 12, wait, func(t *testing.T, dir, stdout string) string {
		metrics, _ := comparableMetrics(t, stdout)
		return metrics + "\n" + tree(t, filepath.Join(dir, "out"))
	})
}

// TestTwoAtOnce: two processes that evaluate and calibrate the same over one
// cache at once come to the same as one alone, and leave it whole.
func TestTwoAtOnce(t *testing.T) {
	bin := build(t)
	alone := place(t, killEvaluations)
	want := finish(t, bin, alone, func(t *testing.T, _, stdout string) string {
		metrics, _ := comparableMetrics(t, stdout)
		return metrics
	})
	dir := place(t, killEvaluations)
	var runs [3]*exec.Cmd
	var out [3]bytes.Buffer
	for i := range runs {
		runs[i] = command(bin, dir, "run", "--json", "r.yaml")
		runs[i].Stdout = &out[i]
		if err := runs[i].Start(); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(200 * time.Millisecond)
	_ = runs[2].Process.Signal(syscall.SIGKILL) // one of them dies beside the others
	_ = runs[2].Wait()
	for i, c := range runs[:2] {
		if err := c.Wait(); err != nil {
			t.Fatalf("%v\n%s", err, out[i].String())
		}
		if got, _ := comparableMetrics(t, out[i].String()); got != want {
			t.Errorf("process %d measured\n%s\nwant\n%s", i, got, want)
		}
	}
	if text, err := command(bin, dir, "cache", "verify").CombinedOutput(); err != nil || !strings.Contains(string(text), " 0 damaged") {
		t.Errorf("%v\n%s", err, text)
	}
}

// atRandom waits for some part of what a whole run takes.
func atRandom(_ string, whole time.Duration, _ func() bool) {
	time.Sleep(rand.N(whole))
}

// build makes the program.
func build(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "roux")
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return bin
}

// place makes a folder with a recipe and the models.
func place(t *testing.T, recipe string) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(filepath.Join(root, "testdata"), filepath.Join(dir, "testdata")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "r.yaml"), []byte(recipe), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// command runs the program in a folder, over its cache.
func command(bin, dir string, args ...string) *exec.Cmd {
	c := exec.Command(bin, append(args, "--cache", "cache")...)
	c.Dir = dir
	return c
}

// finish runs the folder's recipe to its end and returns what is seen then.
func finish(t *testing.T, bin, dir string, see func(t *testing.T, dir, stdout string) string) string {
	t.Helper()
	c := command(bin, dir, "run", "--json", "r.yaml")
	var stderr bytes.Buffer
	c.Stderr = &stderr
	stdout, err := c.Output()
	if err != nil {
		t.Fatalf("%v\n%s%s", err, stdout, stderr.String())
	}
	return see(t, dir, string(stdout))
}

// killAndRerun kills runs of a recipe when they have been waited for, which is
// told how long a whole run takes and may ask whether this one has ended. What
// is seen after the next run in its folder is to be what a run that nobody kills
// shows; the cache is to be whole, and nothing temporary left.
func killAndRerun(t *testing.T, recipe string, times int, wait func(dir string, whole time.Duration, ended func() bool), see func(t *testing.T, dir, stdout string) string) {
	bin := build(t)
	start := time.Now()
	want := finish(t, bin, place(t, recipe), see)
	whole := time.Since(start)
	killed := 0
	for range times {
		dir := place(t, recipe)
		c := command(bin, dir, "run", "r.yaml")
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		end := make(chan error, 1)
		go func() { end <- c.Wait() }()
		wait(dir, whole, func() bool { return len(end) > 0 })
		_ = c.Process.Signal(syscall.SIGKILL) // it may have ended
		if <-end != nil {
			killed++
		}
		if got := finish(t, bin, dir, see); got != want {
			t.Fatalf("the run after a kill left\n%s\nwant\n%s", got, want)
		}
		if out, err := command(bin, dir, "cache", "verify").CombinedOutput(); err != nil || !strings.Contains(string(out), " 0 damaged") {
			t.Fatalf("%v\n%s", err, out)
		}
		for _, temporary := range []string{"cache/tmp/*", "out/.*"} {
			if left, _ := filepath.Glob(filepath.Join(dir, temporary)); len(left) > 0 {
				t.Fatalf("left: %v", left)
			}
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
	dir := place(t, killRecipe)
	c := command(build(t), dir, "run", "r.yaml")
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
