package main

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// againstMergekit is what both tools are given. An element-wise method is also
// held to a copy of one model.
var againstMergekit = []struct {
	name, recipe string
	elementWise  bool
}{
	{"linear", "merge_method: linear\nmodels:\n  - {model: a, parameters: {weight: 0.3}}\n  - {model: b, parameters: {weight: 0.3}}\n  - {model: c, parameters: {weight: 0.4}}\n", true},
	{"slerp", "merge_method: slerp\nbase_model: a\nmodels: [{model: a}, {model: b}]\nparameters: {t: 0.4}\n", false},
	{"ties", tuned("ties", "density: 0.5, weight: 0.5"), true},
	{"dare_ties", tuned("dare_ties", "density: 0.5, weight: 0.5"), true},
	{"della", tuned("della", "density: 0.5, epsilon: 0.1, weight: 0.5"), true},
	{"model_stock", tuned("model_stock", ""), false},
	{"breadcrumbs", tuned("breadcrumbs", "density: 0.5, gamma: 0.01, weight: 0.5"), true},
	{"karcher", "merge_method: karcher\nmodels: [{model: a}, {model: b}, {model: c}]\n", false},
}

func tuned(method, params string) string {
	return fmt.Sprintf("merge_method: %s\nbase_model: a\nmodels: [{model: b}, {model: c}]\nparameters: {%s}\n", method, params)
}

// The limits of BenchmarkMergekit.
const (
	timesFaster  = 5.0
	memoryShare  = 0.25
	copiesAtMost = 1.2
)

// BenchmarkMergekit runs each recipe with roux and with mergekit-yaml, over the
// same three models of TinyLlama's shape, from the file system's cache, and
// copies a model, alternated; it prints medians and fails where a limit does not
// hold. The models are made once in ROUX_BENCH_DIR, if that is set, and stay
// there; ROUX_BENCH_ROUNDS is how often mergekit runs, 1 if it is not set: roux
// and the copy run three times as often.
func BenchmarkMergekit(b *testing.B) {
	if err := exec.Command("python3", "-c", "import mergekit.scripts.run_yaml").Run(); err != nil {
		b.Skip("skip: python3 with mergekit is not installed")
	}
	r := newRivals(b)
	for _, m := range againstMergekit {
		b.Run(m.name, func(b *testing.B) {
			recipe := filepath.Join(r.dir, m.name+".yml")
			put(b, recipe, []byte(m.recipe+"dtype: bfloat16\n"))
			r.compare(b, recipe, m.elementWise)
		})
	}
}

// rivals is where both tools run.
type rivals struct {
	dir, bin string
	rounds   int
}

func newRivals(b *testing.B) rivals {
	rounds, err := strconv.Atoi(cmp.Or(os.Getenv("ROUX_BENCH_ROUNDS"), "1"))
	if err != nil || rounds < 1 {
		b.Fatalf("ROUX_BENCH_ROUNDS is %q: give a number of rounds", os.Getenv("ROUX_BENCH_ROUNDS"))
	}
	r := rivals{dir: os.Getenv("ROUX_BENCH_DIR"), bin: filepath.Join(b.TempDir(), "roux"), rounds: rounds}
	if r.dir == "" {
		r.dir = b.TempDir()
	}
	if out, err := exec.Command("go", "build", "-o", r.bin, ".").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	for i, name := range []string{"a", "b", "c"} {
		dir := filepath.Join(r.dir, name)
		if _, err := os.Stat(filepath.Join(dir, "model.safetensors")); err != nil {
			noise(b, dir, llama1B, uint64(i))
		}
	}
	return r
}

// timings is one tool's runs.
type timings struct {
	seconds, inner []float64 // whole process, and without its start
	peak           int64
}

func (r rivals) compare(b *testing.B, recipe string, elementWise bool) {
	var ours, theirs, copies timings
	source := filepath.Join(r.dir, "a", "model.safetensors")
	r.roux(b, recipe, &timings{}) // warms the cache
	for range r.rounds {
		for range 3 {
			r.roux(b, recipe, &ours)
			copies.seconds = append(copies.seconds, timeCopy(b, r.dir, source))
			_ = os.Remove(filepath.Join(r.dir, "copy"))
		}
		r.mergekit(b, recipe, &theirs)
	}
	tell(b, ours, theirs, copies, elementWise)
}

func tell(b *testing.B, ours, theirs, copies timings, elementWise bool) {
	o, t, inner, c := median(ours.seconds), median(theirs.seconds), median(theirs.inner), median(copies.seconds)
	memory := float64(ours.peak) / float64(theirs.peak)
	fmt.Printf("%-14s roux %.2f s %.0f MB | mergekit %.1f s (%.1f s without its start) %.0f MB | %.1f and %.1f times faster (limit %.0f) | memory %.3f (limit %.2f) | copy %.2f s, %.2f of it",
		strings.TrimPrefix(b.Name(), "BenchmarkMergekit/"), o, float64(ours.peak)/1e6, t, inner, float64(theirs.peak)/1e6, t/o, inner/o, timesFaster, memory, memoryShare, c, o/c)
	if elementWise {
		fmt.Printf(" (limit %.1f)", copiesAtMost)
	}
	fmt.Println()
	if inner/o < timesFaster || memory > memoryShare || elementWise && o/c > copiesAtMost {
		b.Errorf("a limit does not hold")
	}
	b.ReportMetric(0, "ns/op")
}

func (r rivals) roux(b *testing.B, recipe string, m *timings) {
	r.run(b, m, exec.Command(r.bin, "run", recipe, "-q", "--out", filepath.Join(r.dir, "out"), "--cache", filepath.Join(r.dir, "cache")))
}

// timedMergekit is mergekit-yaml, which also tells how long the merge took
// without the start of Python and its modules. Its model card asks the hub: it
// goes without one.
const timedMergekit = `
import sys, time
import mergekit.scripts.run_yaml as m
run = m.run_merge
def timed(*a, **k):
    start = time.monotonic()
    run(*a, **k)
    print("seconds", time.monotonic() - start)
m.run_merge = timed
m.main()
`

func (r rivals) mergekit(b *testing.B, recipe string, m *timings) {
	out := r.run(b, m, exec.Command("python3", "-c", timedMergekit, recipe, filepath.Join(r.dir, "out"), "--quiet", "--no-write-model-card"))
	_, text, _ := strings.Cut(out, "seconds ")
	inner, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil {
		b.Fatal(err)
	}
	m.inner = append(m.inner, inner)
}

// run times a command from nothing to its end, and leaves no output.
func (r rivals) run(b *testing.B, m *timings, c *exec.Cmd) string {
	out := filepath.Join(r.dir, "out")
	for _, dir := range []string{out, filepath.Join(r.dir, "cache")} {
		if err := os.RemoveAll(dir); err != nil {
			b.Fatal(err)
		}
	}
	var stdout, stderr bytes.Buffer
	c.Dir, c.Stdout, c.Stderr = r.dir, &stdout, &stderr
	c.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "OPENBLAS_") })
	settle(b)
	start := time.Now()
	if err := c.Run(); err != nil {
		b.Fatalf("%v\n%s%s", err, stdout.String(), stderr.String())
	}
	m.seconds = append(m.seconds, time.Since(start).Seconds())
	m.peak = max(m.peak, maxRSS(c.ProcessState))
	if err := os.RemoveAll(out); err != nil {
		b.Fatal(err)
	}
	return stdout.String()
}
