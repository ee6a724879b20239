package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/spf13/cobra"

	"github.com/rouxml/roux/engine"
	"github.com/rouxml/roux/loaders"
)

// bench is a folder with the project's testdata, a cache of its own and
// whatever files are given.
func bench(t *testing.T, files map[string]string) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(filepath.Join(root, "testdata"), filepath.Join(dir, "testdata")); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		put(t, filepath.Join(dir, name), []byte(text))
	}
	t.Setenv("ROUX_CACHE", filepath.Join(dir, "cache"))
	t.Setenv("HF_HUB_OFFLINE", "1")
	t.Setenv("ROUX_CHECK_MEMORY", "1")
	t.Chdir(dir)
	return dir
}

// roux runs a command line in process.
func roux(args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = Main(args, &out, &err)
	return code, out.String(), err.String()
}

const copyRecipe = "roux: 1\nmodels: {m: testdata/models/base}\nsteps: {p: {op: prune.magnitude, model: m, sparsity: 0.5}}\noutputs: {x: {from: p, path: small/x}}\n"

// TestExitCodes: 0 done, 1 the run failed, 2 the recipe or the command line is
// wrong, 3 a gate said no.
func TestExitCodes(t *testing.T) {
	gate := "roux: 1\nmodels: {m: testdata/models/base}\nsteps: {q: {op: evaluate.compare, reference: m, models: [m]}}\ngates: [q.m.sparsity > 0.9]\n"
	bench(t, map[string]string{"r.yaml": copyRecipe, "bad.yaml": "roux: 1\n", "gate.yaml": gate, "foreign/thesis.tex": "t",
		"missing.yaml": strings.Replace(copyRecipe, "models/base", "models/bass", 1)})
	for _, c := range []struct {
		want int
		args string
	}{
		{0, "run r.yaml"}, {0, "check r.yaml"}, {0, "plan r.yaml --json"}, {0, "cache verify"}, {0, "--help"}, {0, "version"},
		{1, "run r.yaml --out foreign"},
		{2, "run bad.yaml"}, {2, "check bad.yaml"}, {2, "run missing.yaml"}, {2, "run nothing.yaml"}, {2, "run"}, {2, "run r.yaml --memory lots"},
		{2, "run r.yaml --nan perhaps"}, {2, "run r.yaml --set x"}, {2, "run r.yaml --no-such-flag"}, {2, "frobnicate"}, {2, "ops merge.tis"},
		{2, "cache trim"}, {2, "cache frobnicate"}, {2, "init --from nothing"}, {2, "inspect nowhere"}, {2, "inspect ./nowhere"}, {2, "run r.yaml --workers -3"}, {2, "check missing.yaml"}, {2, "run testdata"},
		{0, "--version"}, {0, "schema --json"}, {0, "ops prune"}, {0, "ops "},
		{3, "run gate.yaml"},
	} {
		if code, _, stderr := roux(strings.Fields(c.args)...); code != c.want {
			t.Errorf("roux %s: exit %d, want %d\n%s", c.args, code, c.want, stderr)
		}
	}
}

// TestAllDamaged: every model that cannot be opened is named at once, and none
// that can.
func TestAllDamaged(t *testing.T) {
	bench(t, map[string]string{"a/model.safetensors": "a", "c/model.safetensors": "c",
		"r.yaml": "roux: 1\nmodels: {a: a, b: testdata/models/base, c: c}\nsteps: {m: {op: merge.linear, models: [a, b, c]}}\noutputs: {x: {from: m, path: out}}\n"})
	code, _, stderr := roux("run", "r.yaml")
	if code != exitRecipe || !strings.Contains(stderr, "model a: ") || !strings.Contains(stderr, "model c: ") || strings.Contains(stderr, "model b") {
		t.Errorf("exit %d\n%s", code, stderr)
	}
}

// TestTwoRuns: while one run writes an output another is refused, and changes
// nothing; two at once leave what one alone leaves.
func TestTwoRuns(t *testing.T) {
	dir := bench(t, map[string]string{"r.yaml": copyRecipe})
	target := filepath.Join(dir, "small", "x")
	first, err := loaders.Stage(target, loaders.StageOptions{})
	if err != nil {
		t.Fatal(err)
	}
	code, _, stderr := roux("run", "r.yaml")
	if code != exitFailed || !strings.Contains(stderr, "another roux run is writing "+target+": wait for it, or choose another path") {
		t.Errorf("exit %d\n%s", code, stderr)
	}
	if _, err := os.Stat(first.Dir()); err != nil {
		t.Errorf("the run that was refused took the first one's files: %v", err)
	}
	if err := first.Discard(); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := roux("run", "r.yaml"); code != exitDone {
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	want := tree(t, "small")
	var wg sync.WaitGroup
	for range 10 {
		if err := os.RemoveAll("small"); err != nil {
			t.Fatal(err)
		}
		codes := make([]int, 3)
		for i := range codes {
			wg.Go(func() { codes[i], _, _ = roux("run", "r.yaml") })
		}
		wg.Wait()
		if got := tree(t, "small"); got != want {
			t.Fatalf("exit codes %v left\n%s\nwant\n%s", codes, got, want)
		}
	}
}

// TestFullDisk: an output that does not fit is refused before it is begun, one
// that meets a full disk half-way leaves nothing, and so does a disk on which
// nobody may write.
func TestFullDisk(t *testing.T) {
	dir := bench(t, map[string]string{"r.yaml": copyRecipe})
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(t.TempDir(), "roux") // testscript.Main runs roux under that name
	if err := os.Symlink(self, bin); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt").CombinedOutput(); err != nil {
		t.Skipf("this system lets nobody mount a small disk: %v %s", err, out)
	}
	for _, c := range []struct{ name, mount, want string }{
		{"too small", "-o size=3m none small", "make room or write elsewhere"},
		{"full at the last files", "-o size=4884k none small", "no space left on device"},
		{"read-only", "none small && mount -o remount,ro small", "read-only file system (choose a path where you may write)"},
	} {
		script := "mkdir -p small && mount -t tmpfs " + c.mount + " && " + bin + " run r.yaml; echo exit $?; find small"
		cmd := exec.Command("unshare", "-rm", "sh", "-c", script)
		cmd.Dir = dir
		out, _ := cmd.CombinedOutput()
		text := string(out)
		if !strings.Contains(text, c.want) || !strings.Contains(text, "exit 1\n") {
			t.Errorf("%s: want an error with %q and exit 1:\n%s", c.name, c.want, text)
		}
		if !strings.HasSuffix(text, "\nsmall\n") {
			t.Errorf("%s: something was left behind:\n%s", c.name, text)
		}
	}
}

// TestFullDiskOfHiddenStates: hidden states that find no room on the disk are
// refused before the model is run, with a cure.
func TestFullDiskOfHiddenStates(t *testing.T) {
	dir := bench(t, map[string]string{"r.yaml": "roux: 1\nmodels: {m: testdata/models/base}\ndata: {held: {text: testdata/data/prose.held.txt, length: 255}}\nsteps: {q: {op: evaluate.perplexity, models: [m], data: held}}\n"})
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(t.TempDir(), "roux")
	if err := os.Symlink(self, bin); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt").CombinedOutput(); err != nil {
		t.Skipf("this system lets nobody mount a small disk: %v %s", err, out)
	}
	cmd := exec.Command("unshare", "-rm", "sh", "-c", "mkdir small && mount -t tmpfs -o size=4m none small && "+bin+" run r.yaml --cache small/cache --memory 64MB; echo exit $?; find small/cache/tmp")
	cmd.Dir = dir
	out, _ := cmd.CombinedOutput()
	text := string(out)
	if !strings.Contains(text, "model m: no room for 27 MB of hidden states in small/cache: no space left on device: make room there") || !strings.HasSuffix(text, "exit 1\nsmall/cache/tmp\n") {
		t.Error(text)
	}
}

const twoOutputs = `roux: 1
models: {m: testdata/models/base}
steps:
  low: {op: lowrank.svd, model: m, rank: 8, where: 'kind in ["attn.q", "mlp.down"]'}
outputs:
  a: {from: low, path: out/a}
  b: {from: low, path: out/b, dtype: float32}
`

// TestCacheSpoiltMidRun: a cache that is deleted between two outputs that read
// it changes nothing, for its files are open. Files that are changed in place
// end the run with a cure, leave nothing of the output, and the next run makes
// it right.
func TestCacheSpoiltMidRun(t *testing.T) {
	bench(t, map[string]string{"r.yaml": twoOutputs})
	if code, _, stderr := roux("run", "r.yaml"); code != 0 {
		t.Fatal(stderr)
	}
	want := tree(t, "out")
	for name, spoil := range map[string]func(path string) error{
		"deleted": os.Remove,
		"cut":     func(path string) error { return os.Truncate(path, 10) },
		"overwritten": func(path string) error {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return os.WriteFile(path, bytes.Repeat([]byte("x"), len(text)), 0o644)
		},
	} {
		for _, warm := range []bool{false, true} {
			if !warm {
				_ = os.RemoveAll("cache")
			}
			if err := os.RemoveAll("out"); err != nil {
				t.Fatal(err)
			}
			spoilt := 0
			err := runWith(t, "r.yaml", func(e engine.Event) {
				if done, ok := e.(engine.OutputDone); ok && done.Output == "a" {
					spoilt = spoilAll(t, "cache/outputs", spoil)
				}
			})
			if name != "deleted" {
				left, _ := filepath.Glob("out/*b*")
				if err == nil || !strings.Contains(err.Error(), "run again") || len(left) > 0 {
					t.Errorf("%s, warm %v: want an error with a cure and no output, got %v and %v", name, warm, err, left)
				}
				err = runWith(t, "r.yaml", func(engine.Event) {})
			}
			if err != nil {
				t.Errorf("%s, warm %v: %v", name, warm, err)
			}
			if got := tree(t, "out"); spoilt == 0 || got != want {
				t.Errorf("%s, warm %v: %d files were spoilt, and the run left\n%s\nwant\n%s", name, warm, spoilt, got, want)
			}
		}
	}
}

func spoilAll(t *testing.T, dir string, spoil func(string) error) (n int) {
	files, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if err := spoil(f); err != nil {
			t.Fatal(err)
		}
	}
	return len(files)
}

// runWith runs a recipe with an ear of the test's own.
func runWith(t *testing.T, path string, hear func(engine.Event)) error {
	t.Helper()
	var f recipeFlags
	f.addRun(&cobra.Command{})
	r, err := f.load(path)
	if err != nil {
		t.Fatal(err)
	}
	p, err := f.plan(context.Background(), r, hear)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Close() }()
	_, err = p.Run(context.Background())
	return err
}
