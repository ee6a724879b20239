package linalg

import (
	"bufio"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// lapack times scipy's calls of LAPACK in a process of its own.
const lapack = `
import sys, time
import numpy as np, scipy.linalg as sl
calls = {
  "eigen": lambda a: sl.eigh(a + a.T, driver="evd", check_finite=False),
  "eigenvalues": lambda a: sl.eigvalsh(a + a.T, check_finite=False),
  "svd": lambda a: sl.svd(a, full_matrices=False, check_finite=False),
  "values": lambda a: sl.svdvals(a, check_finite=False),
}
print("ready", flush=True)
for line in sys.stdin:
  name, m, n = line.split()
  a = np.random.default_rng(1).standard_normal((int(m), int(n)))
  start = time.perf_counter()
  calls[name](a)
  print(time.perf_counter() - start, flush=True)
`

// reference is a running python with scipy.
type reference struct {
	cmd *exec.Cmd
	in  *bufio.Writer
	out *bufio.Scanner
}

// startReference skips the benchmark where there is no scipy. OpenBLAS chooses
// its kernels and its threads as for a user who sets nothing.
func startReference(b *testing.B, script string) *reference {
	cmd := exec.Command("python3", "-c", script)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "OPENBLAS_") })
	cmd.Env = append(cmd.Env, "OPENBLAS_NUM_THREADS=2")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	r := &reference{cmd, bufio.NewWriter(stdin), bufio.NewScanner(stdout)}
	if err := cmd.Start(); err != nil || !r.out.Scan() {
		b.Skip("python3 with numpy and scipy is not installed")
	}
	b.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait()
	})
	return r
}

func (r *reference) seconds(b *testing.B, call string) (s float64) {
	_, _ = fmt.Fprintln(r.in, call)
	if err := r.in.Flush(); err != nil || !r.out.Scan() {
		b.Fatal("the reference ended: ", err)
	}
	if _, err := fmt.Sscan(r.out.Text(), &s); err != nil {
		b.Fatal(err)
	}
	return s
}

// BenchmarkTable prints our time, LAPACK's and their ratio, each the best of
// three runs taken in turns, with two threads.
func BenchmarkTable(b *testing.B) {
	ctx := context.Background()
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	ours := map[string]func(a []float64, m, n int){
		"eigen":       func(a []float64, m, _ int) { _, err := Symmetric(ctx, a, m); must(err) },
		"eigenvalues": func(a []float64, m, _ int) { _, err := SymmetricValues(ctx, a, m); must(err) },
		"svd":         func(a []float64, m, n int) { _, err := Decompose(ctx, a, m, n); must(err) },
		"values":      func(a []float64, m, n int) { _, err := SingularValues(ctx, a, m, n); must(err) },
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	r := startReference(b, lapack)
	fmt.Printf("\n%-12s %11s %10s %10s %6s\n", "", "size", "ours s", "LAPACK s", "ratio")
	for _, name := range []string{"eigen", "eigenvalues", "svd", "values"} {
		for _, size := range [][2]int{{128, 128}, {512, 512}, {1024, 1024}, {2048, 2048}, {4096, 512}} {
			m, n := size[0], size[1]
			if m != n && name != "svd" && name != "values" {
				continue
			}
			a := normal(m, n)
			us, them := math.Inf(1), math.Inf(1)
			for range 3 {
				start := time.Now()
				ours[name](a, m, n)
				us = min(us, time.Since(start).Seconds())
				them = min(them, r.seconds(b, fmt.Sprint(name, " ", m, " ", n)))
			}
			fmt.Printf("%-12s %4d x %4d %10.4f %10.4f %6.2f\n", name, m, n, us, them, them/us)
		}
	}
}

func normal(m, n int) []float64 {
	r := rand.New(rand.NewPCG(uint64(m), uint64(n)))
	a := make([]float64, m*n)
	for i := range a {
		a[i] = r.NormFloat64()
	}
	return a
}
