package linalg

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/rouxml/roux/tensor/kernel/cpu"
	"github.com/rouxml/roux/tensor/kernel/gemm"
)

// job is one decomposition: when to stop, and how many goroutines it may use.
// The number changes no bit of any result, because tasks are cut by the size of
// the problem alone and each writes memory of its own.
type job struct {
	ctx     context.Context
	workers int
}

func newJob(ctx context.Context) *job { return &job{ctx, cpu.Workers(ctx)} }

// cancelled is the context's error; long loops ask for it at least once in a
// few hundred milliseconds of work.
func (j *job) cancelled() error { return context.Cause(j.ctx) }

// each runs f(0) to f(tasks-1) in any order, at most workers at a time.
func (j *job) each(tasks int, f func(task int)) {
	if j.workers == 1 || tasks == 1 {
		for i := range tasks {
			f(i)
		}
		return
	}
	var next atomic.Int64
	run := func() {
		for i := next.Add(1) - 1; i < int64(tasks); i = next.Add(1) - 1 {
			f(int(i))
		}
	}
	var wait sync.WaitGroup
	for range min(j.workers, tasks) - 1 {
		wait.Go(run)
	}
	run()
	wait.Wait()
}

// spans cuts 0..n into pieces of the given length and runs f on each.
func (j *job) spans(n, length int, f func(from, to int)) {
	j.each((n+length-1)/length, func(i int) { f(i*length, min((i+1)*length, n)) })
}

// both runs two halves of a problem side by side, each with half the workers.
func (j *job) both(left, right func(*job) error) error {
	if j.workers == 1 {
		if err := left(j); err != nil {
			return err
		}
		return right(j)
	}
	var wait sync.WaitGroup
	var errRight error
	wait.Go(func() { errRight = right(&job{j.ctx, j.workers / 2}) })
	errLeft := left(&job{j.ctx, j.workers - j.workers/2})
	wait.Wait()
	if errLeft != nil {
		return errLeft
	}
	return errRight
}

// multiply is gemm.F64 in pieces of rows that each take well under a second,
// so that a cancelled job ends soon.
func (j *job) multiply(transA, transB bool, m, n, k int, alpha float64, a []float64, lda int, b []float64, ldb int, beta float64, c []float64, ldc int) error {
	if m == 0 || n == 0 {
		return nil
	}
	const flops = 1 << 34
	rows := max(64, flops/(n*max(k, 1)))
	for i := 0; i < m; i += rows {
		if err := j.cancelled(); err != nil {
			return err
		}
		at := i * lda
		if transA {
			at = i
		}
		if k == 0 {
			at = 0
		}
		gemm.F64(transA, transB, min(rows, m-i), n, k, alpha, a[at:], lda, b, ldb, beta, c[i*ldc:], ldc, j.workers)
	}
	return nil
}

// NotConvergedError says that an iteration ran out of steps.
type NotConvergedError struct {
	// Residual is the largest coupling left, relative to the matrix.
	Residual float64
}

// Error names the residual.
func (e *NotConvergedError) Error() string {
	return fmt.Sprintf("the decomposition did not converge: a residual of %.3g of the matrix remains", e.Residual)
}

// converged turns what an iteration leaves into an error; NaN is one too.
func converged(left float64) error {
	if left == 0 {
		return nil
	}
	return &NotConvergedError{Residual: left}
}
