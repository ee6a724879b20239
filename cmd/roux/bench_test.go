package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rouxml/roux/loaders/safetensors"
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/codec"
	"github.com/rouxml/roux/tensor/rng"
)

// noise writes a llama-shaped model of one file whose weights are those of a
// base, the same for every seed, and noise of its own.
func noise(b *testing.B, dir string, shape llama, seed uint64) {
	b.Helper()
	put(b, filepath.Join(dir, "config.json"), shape.config())
	w := safetensors.Create(dir, "model", 0)
	if err := w.Begin(context.Background(), shape.infos()); err != nil {
		b.Fatal(err)
	}
	for _, info := range shape.infos() {
		to, err := w.Writer(info.Name)
		if err != nil {
			b.Fatal(err)
		}
		fillNoise(b, to, info, seed)
	}
	if err := w.Commit(context.Background()); err != nil {
		b.Fatal(err)
	}
}

func fillNoise(b *testing.B, to io.WriterAt, info tensor.Info, seed uint64) {
	base, own := rng.NewKey(0, "", "", info.Name, ""), rng.NewKey(seed, "", "", info.Name, "")
	const chunk = 1 << 20
	vals, raw := make([]float32, chunk), make([]byte, 2*chunk)
	for i := range vals {
		vals[i] = 0.04*(base.Uniform(i)-0.5) + 0.002*(own.Uniform(i)-0.5)
	}
	if err := codec.FromF32(raw, vals, tensor.BF16); err != nil {
		b.Fatal(err)
	}
	for off := int64(0); off < info.Bytes(); off += int64(len(raw)) {
		n := min(int64(len(raw)), info.Bytes()-off)
		if _, err := to.WriteAt(raw[:n], off); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMerge holds merges of three 1 GB models to copying one of them, both
// with fsync, alternated, medians of five after a warm-up round.
func BenchmarkMerge(b *testing.B) {
	dir := b.TempDir()
	bin := filepath.Join(dir, "roux")
	build := exec.Command("go", "build", "-o", bin, ".") // as task build does
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	for i, name := range []string{"a", "b", "c"} {
		noise(b, filepath.Join(dir, name), llama{2048, 9, 5632, 32, 256, 32000}, uint64(i))
	}
	source := filepath.Join(dir, "a", "model.safetensors")
	info, err := os.Stat(source)
	if err != nil {
		b.Fatal(err)
	}
	models := "models: {a: ./a, b: ./b, c: ./c}\n"
	outputs := "outputs: {x: {from: m, path: out}}\n"
	for _, c := range []struct{ name, step string }{
		{"linear", "{op: merge.linear, models: [a, b, c]}"},
		{"ties", "{op: merge.ties, base: a, models: [b, c], density: 0.5}"},
		{"dare_ties", "{op: merge.dare_ties, base: a, models: [b, c], density: 0.5}"},
		{"breadcrumbs", "{op: merge.breadcrumbs, base: a, models: [b, c], density: 0.5, gamma: 0.01}"},
		{"della", "{op: merge.della, base: a, models: [b, c], density: 0.5}"},
	} {
		b.Run(c.name, func(b *testing.B) {
			recipe := filepath.Join(dir, c.name+".yaml")
			if err := os.WriteFile(recipe, []byte("roux: 1\n"+models+"steps: {m: "+c.step+"}\n"+outputs), 0o644); err != nil {
				b.Fatal(err)
			}
			var ours, copies []float64
			peak := int64(0)
			for round := range 6 {
				if err := os.RemoveAll(filepath.Join(dir, "out")); err != nil {
					b.Fatal(err)
				}
				o, rss := timeRun(b, dir, bin, recipe)
				p := timeCopy(b, dir, source)
				if round > 0 {
					ours, copies = append(ours, o), append(copies, p)
					peak = max(peak, rss)
				}
			}
			var again []float64
			for range 21 { // of a few milliseconds each
				second, _ := timeRun(b, dir, bin, recipe)
				again = append(again, second)
			}
			m, cp := median(ours), median(copies)
			b.ReportMetric(m, "s/merge")
			b.ReportMetric(cp, "s/copy")
			b.ReportMetric(cp/m, "of-copy-speed")
			b.ReportMetric(float64(info.Size())/m/1e9, "GB/s-out")
			b.ReportMetric(float64(peak)/1e6, "peak-MB")
			b.ReportMetric(1e3*median(again), "ms/second-run")
			b.ReportMetric(100*median(again)/m, "%second-run")
		})
	}
}

func timeRun(b *testing.B, dir, bin, recipe string) (seconds float64, peak int64) {
	c := exec.Command(bin, "run", recipe, "-q", "--memory", "256MB", "--cache", filepath.Join(dir, "cache"+filepath.Base(recipe)))
	c.Dir = dir
	var stderr bytes.Buffer
	c.Stderr = &stderr
	settle(b)
	start := time.Now()
	if err := c.Run(); err != nil {
		b.Fatalf("%v\n%s", err, stderr.String())
	}
	return time.Since(start).Seconds(), maxRSS(c.ProcessState)
}

// settle waits for what earlier runs left to write: it would count as the next
// one's.
func settle(b *testing.B) {
	if out, err := exec.Command("sync").CombinedOutput(); err != nil {
		b.Fatalf("sync: %v\n%s", err, out)
	}
}

func timeCopy(b *testing.B, dir, source string) float64 {
	to := filepath.Join(dir, "copy")
	_ = os.Remove(to)
	settle(b)
	start := time.Now()
	script := fmt.Sprintf("cp --reflink=never %q %q && sync %q", source, to, to)
	if runtime.GOOS != "linux" {
		script = strings.Replace(script, "--reflink=never ", "", 1)
	}
	if out, err := exec.Command("sh", "-c", script).CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return time.Since(start).Seconds()
}

func median(x []float64) float64 {
	if len(x) == 0 {
		return math.NaN()
	}
	slices.Sort(x)
	return x[len(x)/2]
}
