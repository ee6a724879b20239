package gemm

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/rouxml/roux/tensor/kernel/cpu"
)

func newRand() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

func fill[T float](r *rand.Rand, n int) []T {
	x := make([]T, n)
	for i := range x {
		x[i] = T(r.Float64()*2 - 1)
	}
	return x
}

// onEveryLevel runs a test on every level that the machine has.
func onEveryLevel(t *testing.T, f func(t *testing.T)) {
	for _, l := range cpu.Levels() {
		t.Run(l.String(), func(t *testing.T) {
			defer cpu.Force(l)()
			f(t)
		})
	}
}

type multiplyFunc[T float] func(transA, transB bool, m, n, k int, alpha T, a []T, lda int, b []T, ldb int, beta T, c []T, ldc, workers int)

// problem is one product with leading dimensions wider than the matrices.
type problem[T float] struct {
	transA, transB bool
	m, n, k        int
	alpha, beta    T
	a, b, c        []T
	lda, ldb, ldc  int
}

func newProblem[T float](r *rand.Rand, m, n, k int, trans int, alpha, beta T) problem[T] {
	p := problem[T]{transA: trans&1 != 0, transB: trans&2 != 0, m: m, n: n, k: k, alpha: alpha, beta: beta}
	size := func(rows, cols int, trans bool) (int, int) {
		if trans {
			rows, cols = cols, rows
		}
		ld := cols + r.IntN(5)
		return max(0, (rows-1)*ld+cols), ld
	}
	var n1, n2, n3 int
	n1, p.lda = size(m, k, p.transA)
	n2, p.ldb = size(k, n, p.transB)
	n3, p.ldc = size(m, n, false)
	p.a, p.b, p.c = fill[T](r, n1), fill[T](r, n2), fill[T](r, n3)
	return p
}

// run multiplies into a copy of C that guards surround.
func (p problem[T]) run(t *testing.T, f multiplyFunc[T], workers int) []T {
	t.Helper()
	const guard = 40
	whole := make([]T, len(p.c)+2*guard)
	for i := range whole {
		whole[i] = 12345
	}
	c := whole[guard : guard+len(p.c)]
	copy(c, p.c)
	f(p.transA, p.transB, p.m, p.n, p.k, p.alpha, p.a, p.lda, p.b, p.ldb, p.beta, c, p.ldc, workers)
	for i, v := range whole {
		if (i < guard || i >= guard+len(c)) && v != 12345 {
			t.Fatalf("%v: wrote %d elements outside C", p, i-guard)
		}
	}
	for i, v := range c {
		if i%p.ldc >= p.n && v != p.c[i] {
			t.Fatalf("%v: wrote between the rows of C", p)
		}
	}
	return c
}

func (p problem[T]) String() string {
	return fmt.Sprintf("%dx%dx%d trans %v %v alpha %v beta %v ld %d %d %d", p.m, p.n, p.k, p.transA, p.transB, p.alpha, p.beta, p.lda, p.ldb, p.ldc)
}

// check compares with the naive twin in float64 within the bound of any order
// of summation: (k+2) rounding errors of the sum of magnitudes.
func (p problem[T]) check(t *testing.T, got []T) {
	t.Helper()
	eps := 0x1p-52
	if _, single := any(p.alpha).(float32); single {
		eps = 0x1p-23
	}
	want, size := p.wide(func(v float64) float64 { return v }), p.wide(math.Abs)
	for i := range want {
		if d := math.Abs(float64(got[i]) - want[i]); !(d <= float64(p.k+3)*eps*size[i]) && !(math.IsNaN(want[i]) && got[i] != got[i]) && float64(got[i]) != want[i] {
			t.Fatalf("%v: element %d is %v, want %v", p, i, got[i], want[i])
		}
	}
}

// wide is the naive product in float64 of the mapped operands.
func (p problem[T]) wide(f func(float64) float64) []float64 {
	conv := func(x []T) []float64 {
		out := make([]float64, len(x))
		for i, v := range x {
			out[i] = f(float64(v))
		}
		return out
	}
	c := conv(p.c)
	naive(p.transA, p.transB, p.m, p.n, p.k, f(float64(p.alpha)), conv(p.a), p.lda, conv(p.b), p.ldb, f(float64(p.beta)), c, p.ldc)
	return c
}

// shapes has every edge of every tile, blocks of k and their rests, and enough
// rows and columns for several tasks.
var shapes = [][3]int{
	{1, 1, 1}, {1, 40, 20}, {40, 1, 20}, {3, 5, 7}, {6, 16, 8}, {14, 32, 16}, {15, 33, 17}, {13, 31, 15}, {28, 64, 40},
	{33, 65, 257}, {100, 70, 600}, {290, 20, 513}, {20, 150, 1030}, {5, 7, 1100}, {64, 64, 64},
}

func testAgainstNaive[T float](t *testing.T, f multiplyFunc[T]) {
	onEveryLevel(t, func(t *testing.T) {
		r := newRand()
		for _, s := range shapes {
			for trans := range 4 {
				for i, scale := range [][2]T{{1, 0}, {1, 1}, {0.5, -2}} {
					if i > 0 && s[0]*s[1]*s[2] > 1<<20 {
						continue
					}
					p := newProblem(r, s[0], s[1], s[2], trans, scale[0], scale[1])
					p.check(t, p.run(t, f, 1+i))
				}
			}
		}
	})
}

func TestF32(t *testing.T) { testAgainstNaive(t, F32) }
func TestF64(t *testing.T) { testAgainstNaive(t, F64) }

func testSmallShapes[T float](t *testing.T, f multiplyFunc[T]) {
	onEveryLevel(t, func(t *testing.T) {
		r := newRand()
		for m := 1; m <= 36; m += 1 + m/8 {
			for n := 1; n <= 70; n += 1 + n/8 {
				p := newProblem[T](r, m, n, 1+r.IntN(20), r.IntN(4), 1, T(r.IntN(2)))
				p.check(t, p.run(t, f, 1))
			}
		}
	})
}

func TestF32Small(t *testing.T) { testSmallShapes(t, F32) }
func TestF64Small(t *testing.T) { testSmallShapes(t, F64) }

// The same bits must come from any number of workers, from a second call, from
// any alignment, and from AVX2 and AVX-512 alike.
func testSameBits[T float](t *testing.T, f multiplyFunc[T]) {
	r := newRand()
	for trans := range 4 {
		p := newProblem[T](r, 230, 171, 1100, trans, 1.5, 0.5)
		onEveryLevel(t, func(t *testing.T) {
			want := p.run(t, f, 1)
			for _, workers := range []int{0, 1, 2, 3, 7} {
				if got := p.run(t, f, workers); !slices.Equal(got, want) {
					t.Fatalf("%v: %d workers give other bits", p, workers)
				}
			}
			q := p
			q.a, q.b = append(make([]T, 1, len(p.a)+1), p.a...)[1:], append(make([]T, 3, len(p.b)+3), p.b...)[3:]
			if got := q.run(t, f, 2); !slices.Equal(got, want) {
				t.Fatalf("%v: unaligned operands give other bits", p)
			}
		})
		if cpu.Detected() == cpu.AVX512 {
			wide := p.run(t, f, 1)
			restore := cpu.Force(cpu.AVX2)
			narrow := p.run(t, f, 1)
			restore()
			if !slices.Equal(narrow, wide) {
				t.Fatalf("%v: AVX2 and AVX-512 give different bits", p)
			}
		}
	}
}

func TestF32SameBits(t *testing.T) { testSameBits(t, F32) }
func TestF64SameBits(t *testing.T) { testSameBits(t, F64) }

// Callers on many goroutines share buffers and helpers, but no results.
func TestConcurrentCallers(t *testing.T) {
	p := newProblem[float32](newRand(), 300, 200, 260, 1, 1, 0)
	want := p.runPlain(F32)
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			for workers := range 4 {
				c := slices.Clone(p.c)
				F32(p.transA, p.transB, p.m, p.n, p.k, p.alpha, p.a, p.lda, p.b, p.ldb, p.beta, c, p.ldc, workers)
				if !slices.Equal(c, want) {
					t.Error("a concurrent call gives other bits")
				}
			}
		})
	}
	wg.Wait()
}
