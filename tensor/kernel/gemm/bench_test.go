package gemm

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/rouxml/roux/tensor/kernel/cpu"
)

// oracle is a python3 that times numpy's OpenBLAS on request: a line names the
// type, the shape and the number of calls; the answer is the seconds of the
// fastest call. It runs between our own measurements, so that both meet the
// same machine.
type oracle struct {
	in  io.WriteCloser
	out *bufio.Reader
	cmd *exec.Cmd
}

const oracleScript = `
import sys, time, numpy as np
have = {}
for line in sys.stdin:
    dt, op, m, n, k, calls = line.split()
    m, n, k, calls = int(m), int(n), int(k), int(calls)
    if line not in have:
        have.clear()
        x = np.random.rand(m, k).astype(dt)
        y = np.random.rand(n, k).astype(dt).T if op == 'nt' else np.random.rand(k, n).astype(dt)
        if op == 'mv': y = np.ravel(y).copy()
        if op == 'mvt': x, y = np.random.rand(k, m).astype(dt).T, np.ravel(y).copy()
        have[line] = x, y, np.zeros((m, n) if y.ndim == 2 else m, dt)
    x, y, z = have[line]
    best = 1e9
    for _ in range(calls):
        t = time.perf_counter()
        np.matmul(x, y, out=z)
        best = min(best, time.perf_counter() - t)
    print(best, flush=True)
`

// startOracle returns nil when numpy is absent.
func startOracle(threads int, core string) *oracle {
	if exec.Command("python3", "-c", "import numpy").Run() != nil {
		return nil
	}
	o := &oracle{cmd: exec.Command("python3", "-c", oracleScript)}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "OPENBLAS_") {
			o.cmd.Env = append(o.cmd.Env, v)
		}
	}
	o.cmd.Env = append(o.cmd.Env, fmt.Sprintf("OPENBLAS_NUM_THREADS=%d", threads))
	if core != "" {
		o.cmd.Env = append(o.cmd.Env, "OPENBLAS_CORETYPE="+core)
	}
	var err error
	if o.in, err = o.cmd.StdinPipe(); err != nil {
		return nil
	}
	out, err := o.cmd.StdoutPipe()
	if err != nil || o.cmd.Start() != nil {
		return nil
	}
	o.out = bufio.NewReader(out)
	return o
}

// seconds is the shortest time of so many calls.
func (o *oracle) seconds(b *testing.B, r benchRow, calls int) float64 {
	if _, err := fmt.Fprintln(o.in, r.dtype, r.op, r.m, r.n, r.k, calls); err != nil {
		b.Fatal(err)
	}
	var s float64
	if _, err := fmt.Fscanln(o.out, &s); err != nil {
		b.Fatal(err)
	}
	return s
}

func (o *oracle) stop() {
	_ = o.in.Close()
	_ = o.cmd.Wait()
}

type benchRow struct {
	dtype, op string // op: nn, nt; mv and mvt, a matrix m x k or k x m by a vector
	m, n, k   int
}

var benchRows = []benchRow{
	{"float32", "nn", 256, 256, 256},
	{"float32", "nn", 1024, 1024, 1024},
	{"float32", "nn", 2048, 2048, 2048},
	{"float32", "nt", 2048, 2048, 2048},
	{"float32", "nn", 4096, 4096, 4096},
	{"float32", "nn", 4096, 4096, 512},
	{"float32", "mv", 1024, 1, 1024},
	{"float32", "mvt", 1024, 1, 1024},
	{"float32", "mv", 8192, 1, 8192},
	{"float32", "mvt", 8192, 1, 8192},
	{"float64", "nn", 256, 256, 256},
	{"float64", "nn", 1024, 1024, 1024},
	{"float64", "nn", 2048, 2048, 2048},
	{"float64", "mv", 1024, 1, 1024},
	{"float64", "mvt", 1024, 1, 1024},
}

// ours returns a function that runs one product.
func (r benchRow) ours(workers int) func() {
	if r.dtype == "float32" {
		return oursOf(r, F32, F32Vec, workers)
	}
	return oursOf(r, F64, F64Vec, workers)
}

func oursOf[T float](r benchRow, mul multiplyFunc[T], vec vecFunc[T], workers int) func() {
	rng := newRand()
	x, y, z := fill[T](rng, r.m*r.k), fill[T](rng, r.k*r.n), make([]T, r.m*r.n)
	switch r.op {
	case "mv":
		return func() { vec(false, r.m, r.k, 1, x, r.k, y, 0, z, workers) }
	case "mvt":
		return func() { vec(true, r.k, r.m, 1, x, r.m, y, 0, z, workers) }
	case "nt":
		return func() { mul(false, true, r.m, r.n, r.k, 1, x, r.k, y, r.k, 0, z, r.n, workers) }
	}
	return func() { mul(false, false, r.m, r.n, r.k, 1, x, r.k, y, r.n, 0, z, r.n, workers) }
}

// settle is longer than OpenBLAS's idle threads spin.
const settle = 150 * time.Millisecond

// BenchmarkTable prints our rate and OpenBLAS's for each shape, taking turns
// and the best of several turns:
//
//	go test ./tensor/kernel/gemm -run '^$' -bench Table -benchtime 1x
//
// Without numpy it prints our rate alone.
func BenchmarkTable(b *testing.B) {
	for _, level := range []cpu.Level{cpu.AVX512, cpu.AVX2} {
		if level > cpu.Detected() {
			continue
		}
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("%v/threads=%d", level, threads), func(b *testing.B) { benchTable(b, level, threads) })
		}
	}
}

func benchTable(b *testing.B, level cpu.Level, threads int) {
	defer cpu.Force(level)()
	o := startOracle(threads, map[cpu.Level]string{cpu.AVX2: "Haswell"}[level])
	if o == nil {
		b.Log("numpy is absent: our own rates only")
	} else {
		defer o.stop()
	}
	for _, r := range benchRows {
		run := r.ours(threads)
		flops := 2 * float64(r.m) * float64(r.n) * float64(r.k) / 1e9
		calls := max(4, min(200, int(2/flops)))
		ours, theirs := 1e9, 1e9
		for start, turns := time.Now(), 0; turns < 3 || turns < 15 && time.Since(start) < 3*time.Second; turns++ {
			for range calls {
				t := time.Now()
				run()
				ours = min(ours, time.Since(t).Seconds())
			}
			if o != nil {
				theirs = min(theirs, o.seconds(b, r, calls))
				if threads > 1 {
					time.Sleep(settle)
				}
			}
		}
		b.Logf("%s %-3s %5d x%5d x%5d  ours %6.1f  OpenBLAS %6.1f GFLOP/s  ratio %.2f", r.dtype, r.op, r.m, r.n, r.k, flops/ours, flops/theirs, theirs/ours)
	}
}
