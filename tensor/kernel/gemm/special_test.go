package gemm

import (
	"math"
	"testing"
)

func allNaN[T float](n int) []T {
	x := make([]T, n)
	for i := range x {
		x[i] = T(math.NaN())
	}
	return x
}

func testBetaZeroIgnoresC[T float](t *testing.T, f multiplyFunc[T]) {
	onEveryLevel(t, func(t *testing.T) {
		for _, s := range shapes[:10] {
			p := newProblem[T](newRand(), s[0], s[1], s[2], 0, 1, 0)
			p.ldc = p.n
			p.c = allNaN[T](p.m * p.n)
			for i, v := range p.runPlain(f) {
				if v != v {
					t.Fatalf("%v: element %d is NaN", p, i)
				}
			}
		}
	})
}

// runPlain multiplies into a copy of C.
func (p problem[T]) runPlain(f multiplyFunc[T]) []T {
	c := append([]T(nil), p.c...)
	f(p.transA, p.transB, p.m, p.n, p.k, p.alpha, p.a, p.lda, p.b, p.ldb, p.beta, c, p.ldc, 1)
	return c
}

func TestBetaZeroIgnoresC(t *testing.T) {
	testBetaZeroIgnoresC(t, F32)
	testBetaZeroIgnoresC(t, F64)
}

// A NaN or an infinity in A must reach its row and no other, also where the
// rest of a panel is padding.
func testSpecialsSpread[T float](t *testing.T, f multiplyFunc[T]) {
	onEveryLevel(t, func(t *testing.T) {
		for trans := range 4 {
			for _, v := range []T{T(math.NaN()), T(math.Inf(1))} {
				p := newProblem[T](newRand(), 17, 35, 19, trans, 1, 0)
				at := 5*p.lda + 3
				if p.transA {
					at = 3*p.lda + 5
				}
				p.a[at] = v
				got := p.runPlain(f)
				for i := range p.m {
					for j := range p.n {
						x := float64(got[i*p.ldc+j])
						if special := math.IsNaN(x) || math.IsInf(x, 0); special != (i == 5) {
							t.Fatalf("%v: element %d,%d is %v", p, i, j, x)
						}
					}
				}
			}
		}
	})
}

func TestSpecialsSpread(t *testing.T) {
	testSpecialsSpread(t, F32)
	testSpecialsSpread(t, F64)
}

// Empty sums leave beta*C; alpha 0 does not read A and B.
func testEmptySums[T float](t *testing.T, f multiplyFunc[T]) {
	c := []T{1, 2, 3, 4, 5, 6}
	f(false, false, 2, 2, 0, 1, nil, 0, nil, 2, 2, c, 3, 0)
	f(false, false, 2, 2, 1, 0, allNaN[T](2), 1, allNaN[T](2), 2, 0.5, c, 3, 0)
	f(false, false, 0, 2, 1, 1, nil, 1, allNaN[T](2), 2, 0, c, 3, 0)
	for i, want := range []T{1, 2, 3, 4, 5, 6} {
		if c[i] != want {
			t.Fatalf("c is %v", c)
		}
	}
	f(false, false, 2, 2, 0, 1, nil, 0, nil, 2, 0, c, 3, 0)
	if c[0] != 0 || c[2] != 3 {
		t.Fatalf("c is %v", c)
	}
}

func TestEmptySums(t *testing.T) {
	testEmptySums(t, F32)
	testEmptySums(t, F64)
}

func TestShortSlicesPanic(t *testing.T) {
	for name, f := range map[string]func(){
		"a": func() {
			F32(false, false, 2, 2, 2, 1, make([]float32, 3), 2, make([]float32, 4), 2, 0, make([]float32, 4), 2, 1)
		},
		"b": func() {
			F32(false, false, 2, 2, 2, 1, make([]float32, 4), 2, make([]float32, 3), 2, 0, make([]float32, 4), 2, 1)
		},
		"c": func() {
			F32(false, false, 2, 2, 2, 1, make([]float32, 4), 2, make([]float32, 4), 2, 0, make([]float32, 3), 2, 1)
		},
		"ldc": func() {
			F32(false, false, 2, 2, 2, 1, make([]float32, 4), 2, make([]float32, 4), 2, 0, make([]float32, 4), 1, 1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Fatal("no panic")
				}
			}()
			f()
		})
	}
}
