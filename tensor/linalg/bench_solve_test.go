package linalg

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/rouxml/roux/tensor/rng"
)

// solvers times LAPACK's Cholesky, QR with thin Q and triangular solves, on
// matrices in the order LAPACK likes, and scikit-learn's randomized SVD.
const solvers = `
import sys, time
import numpy as np, scipy.linalg as sl
try:
  from sklearn.utils.extmath import randomized_svd
except ImportError:
  randomized_svd = None
have = {}
def get(kind, dt, m, n):
  key = kind, dt, m, n
  if key not in have:
    have.clear()
    a = np.random.default_rng(1).standard_normal((m, n)).astype(dt)
    if kind == "spd":
      a = a @ a.T + n * np.eye(n, dtype=dt)
    have[key] = a if kind == "c" else np.asfortranarray(a)
  return have[key]
def call(name, dt, m, n):
  if name == "cholesky":
    a = get("spd", dt, m, n)
    f = sl.lapack.get_lapack_funcs("potrf", (a,))
    return lambda: f(a, lower=1, clean=0)
  if name == "qr":
    a = get("f", dt, m, n)
    f, g = sl.lapack.get_lapack_funcs(("geqrf", "orgqr"), (a,))
    def both():
      q, tau, _, _ = f(a, lwork=64 * n)
      return g(q, tau, lwork=64 * n)
    return both
  if name == "solve":
    a = get("spd", dt, m, n)
    f = sl.blas.get_blas_funcs("trsm", (a,))
    return lambda: f(1, a, a, lower=1)
  a = get("c", dt, m, n)
  if randomized_svd is None:
    return lambda: time.sleep(0)
  return lambda: randomized_svd(a, 64, n_iter=2, random_state=0)
print("ready", flush=True)
for line in sys.stdin:
  name, dt, m, n = line.split()
  f = call(name, dt, int(m), int(n))
  start = time.perf_counter()
  f()
  print(time.perf_counter() - start, flush=True)
`

type solveBench struct {
	name, dtype string
	m, n        int
	run         func() // one call, on its own copy of its input
}

func solveBenches[T float](dtype string) []solveBench {
	ctx := context.Background()
	spd := func(n int) []T {
		x, a := convertTo[T](normal(n, n)), make([]T, n*n)
		product(false, true, n, n, n, 1, x, n, x, n, 0, a, n, newJob(ctx))
		for i := range n {
			a[i*n+i] += T(n)
		}
		return a
	}
	big, square, spare := spd(4096), convertTo[T](normal(2048, 2048)), make([]T, 4096*4096)
	small := spd(1024)
	return []solveBench{
		{"cholesky", dtype, 1024, 1024, func() { copy(spare, small); _ = Cholesky(ctx, spare[:1024*1024], 1024) }},
		{"cholesky", dtype, 4096, 4096, func() { copy(spare, big); _ = Cholesky(ctx, spare, 4096) }},
		{"solve", dtype, 4096, 4096, func() { copy(spare, big); _ = SolveTriangular(ctx, Triangle{}, big, spare, 4096, 4096) }},
		{"qr", dtype, 2048, 2048, func() { f, _ := QR(ctx, square, 2048, 2048); _, _ = f.Q(ctx) }},
	}
}

func randomizedBench() solveBench {
	a, key := convertTo[float32](normal(4096, 4096)), rng.NewKey(1, "bench", "", "a", "")
	return solveBench{"randomized", "float32", 4096, 4096, func() {
		_, _ = RandomizedSVD(context.Background(), a, 4096, 4096, Sketch{Rank: 64, PowerSteps: 2, Key: key})
	}}
}

// BenchmarkSolveTable prints our time, the reference's and their ratio, each
// the best of several runs taken in turns, with two threads.
func BenchmarkSolveTable(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	r := startReference(b, solvers)
	benches := slices.Concat(solveBenches[float64]("float64"), solveBenches[float32]("float32"), []solveBench{randomizedBench()})
	fmt.Printf("\n%-12s %-8s %11s %10s %10s %6s\n", "", "", "size", "ours s", "ref s", "ratio")
	for _, x := range benches {
		us, them := math.Inf(1), math.Inf(1)
		for range 6 {
			start := time.Now()
			x.run()
			us = min(us, time.Since(start).Seconds())
			them = min(them, r.seconds(b, fmt.Sprint(x.name, " ", x.dtype, " ", x.m, " ", x.n)))
			time.Sleep(40 * time.Millisecond) // OpenBLAS's idle threads spin for a while
		}
		fmt.Printf("%-12s %-8s %5dx%5d %10.4f %10.4f %6.2f\n", x.name, x.dtype, x.m, x.n, us, them, them/us)
	}
}
