package gemm

// F32Vec computes y = alpha*op(A)*x + beta*y in float32 for A of m x n, where
// op transposes when trans is set: y has m elements and x n, or the other way
// round. Both are dense. With beta 0, y is not read; with alpha 0, A and x are
// not read. A sum along a row has 32 lanes that are added by halves; a sum down
// the columns goes by rows. Workers bounds the goroutines; 0 means one for each
// core. It panics when a slice is too short.
func F32Vec(trans bool, m, n int, alpha float32, a []float32, lda int, x []float32, beta float32, y []float32, workers int) {
	multiplyVec(f32VecKit(), trans, m, n, alpha, a, lda, x, beta, y, workers)
}

// F64Vec is F32Vec in float64; a sum along a row has 16 lanes.
func F64Vec(trans bool, m, n int, alpha float64, a []float64, lda int, x []float64, beta float64, y []float64, workers int) {
	multiplyVec(f64VecKit(), trans, m, n, alpha, a, lda, x, beta, y, workers)
}

// vecKit is what one CPU level offers for products with vectors.
type vecKit[T float] struct {
	// dot sets out to the products of its rows of A with x; axpy adds its rows
	// of A, times the elements of x, to y. Each has a form for many rows and
	// one for a single row, which give the same bits.
	dots, axpys []vecLoop[T]
}

// vecLoop is a loop over n columns of so many rows of A at once.
type vecLoop[T float] struct {
	rows int
	run  func(v, a *T, lda int, x *T, n int)
}

func multiplyVec[T float](t *vecKit[T], trans bool, m, n int, alpha T, a []T, lda int, x []T, beta T, y []T, workers int) {
	checkShape("A", len(a), m, n, lda, false)
	rows, cols := m, n
	if trans {
		rows, cols = n, m
	}
	checkShape("x", len(x), 1, cols, cols, false)
	checkShape("y", len(y), 1, rows, rows, false)
	if rows == 0 {
		return
	}
	if alpha == 0 || cols == 0 {
		scale(1, rows, beta, y, rows)
		return
	}
	v := vecProduct[T]{t, alpha, a, lda, x, beta, y}
	if trans {
		v.down(m, n, workers)
	} else {
		v.along(m, n, workers)
	}
}

type vecProduct[T float] struct {
	kit   *vecKit[T]
	alpha T
	a     []T
	lda   int
	x     []T
	beta  T
	y     []T
}

// along multiplies rows of A with x, a block of rows a task.
func (v vecProduct[T]) along(m, n, workers int) {
	block := max(8, (1<<16)/n)
	perform(team(workers, 8*m*n), phase{(m + block - 1) / block, func(task int) {
		var out [8]T
		end := min(m, (task+1)*block)
		for i := task * block; i < end; {
			d := pick(v.kit.dots, end-i)
			d.run(&out[0], &v.a[i*v.lda], v.lda, &v.x[0], n)
			for _, s := range out[:d.rows] {
				v.y[i] = v.finish(s, v.y[i])
				i++
			}
		}
	}})
}

func (v vecProduct[T]) finish(sum, old T) T {
	if v.beta == 0 {
		return v.alpha * sum
	}
	return T(v.alpha*sum) + T(v.beta*old) //nolint:unconvert // rounds every product, on every machine
}

// down adds the rows of A to y, a block of columns a task.
func (v vecProduct[T]) down(m, n, workers int) {
	const most, least = 1024, 128 // y stays in L1 while the rows go by
	workers = team(workers, 8*m*n)
	block := min(most, roundUp((n+2*workers-1)/(2*workers), least))
	var scaled []T
	if v.alpha != 1 {
		scaled = make([]T, m)
		for i, x := range v.x[:m] {
			scaled[i] = v.alpha * x
		}
		v.x = scaled
	}
	perform(workers, phase{(n + block - 1) / block, func(task int) {
		j := task * block
		cols := min(block, n-j)
		scale(1, cols, v.beta, v.y[j:], cols)
		for i := 0; i < m; {
			p := pick(v.kit.axpys, m-i)
			p.run(&v.y[j], &v.a[i*v.lda+j], v.lda, &v.x[i], cols)
			i += p.rows
		}
	}})
}

// pick returns the first loop that takes no more than the rows left.
func pick[T float](loops []vecLoop[T], left int) vecLoop[T] {
	for _, l := range loops {
		if l.rows <= left {
			return l
		}
	}
	return vecLoop[T]{}
}

// portableVecKit is the kit in plain Go.
func portableVecKit[T float]() *vecKit[T] {
	return &vecKit[T]{
		dots:  []vecLoop[T]{{1, portableDot[T]}},
		axpys: []vecLoop[T]{{1, portableAxpy[T]}},
	}
}

func portableDot[T float](out, a *T, _ int, x *T, n int) {
	var lanes [8]T
	as, xs := span(a, n), span(x, n)
	for i, v := range as {
		lanes[i%8] += v * xs[i]
	}
	for w := 4; w > 0; w /= 2 {
		for i := range w {
			lanes[i] += lanes[i+w]
		}
	}
	*out = lanes[0]
}

func portableAxpy[T float](y, a *T, _ int, x *T, n int) {
	ys := span(y, n)
	for j, v := range span(a, n) {
		ys[j] += *x * v
	}
}
