package linalg

// solveLeaf is the size of the diagonal blocks that are solved by substitution.
const solveLeaf = 64

// half is where a problem of n > solveLeaf is cut: at a multiple of solveLeaf.
func half(n int) int { return (n + 2*solveLeaf - 1) / (2 * solveLeaf) * solveLeaf }

// solver solves triangular equations in place, with no checks.
type solver[T float] struct {
	kind Triangle
	job  *job
}

// solve overwrites b with X. T is n x n; b is n x others, or others x n when T
// stands on the right.
func (s solver[T]) solve(n int, t []T, ldt int, b []T, ldb, others int) {
	if n == 0 || others == 0 {
		return
	}
	if n <= solveLeaf {
		s.leaf(n, t, ldt, b, ldb, others)
		return
	}
	h := half(n)
	first, second, corner := b, b[h*step(!s.kind.Right, ldb):], t[h*step(!s.kind.Upper, ldt):]
	if s.forward() {
		s.solve(h, t, ldt, first, ldb, others)
		s.couple(n-h, h, corner, ldt, first, second, ldb, others)
		s.solve(n-h, t[h*ldt+h:], ldt, second, ldb, others)
		return
	}
	s.solve(n-h, t[h*ldt+h:], ldt, second, ldb, others)
	s.couple(h, n-h, corner, ldt, second, first, ldb, others)
	s.solve(h, t, ldt, first, ldb, others)
}

// step is how far the next row lies, or the next column.
func step(row bool, ld int) int {
	if row {
		return ld
	}
	return 1
}

// forward says that the first unknowns are solved for first.
func (s solver[T]) forward() bool {
	return (s.kind.Upper != s.kind.Trans) == s.kind.Right
}

// couple takes what the k unknowns in from contribute out of the n equations
// in to.
func (s solver[T]) couple(n, k int, corner []T, ldt int, from, to []T, ldb, others int) {
	if s.kind.Right {
		product(false, s.kind.Trans, others, n, k, -1, from, ldb, corner, ldt, 1, to, ldb, s.job)
		return
	}
	product(s.kind.Trans, false, n, others, k, -1, corner, ldt, from, ldb, 1, to, ldb, s.job)
}

// solveLeaf solves by forward substitution on copies in float64, lanes right sides
// at a time.
func (s solver[T]) leaf(n int, t []T, ldt int, b []T, ldb, others int) {
	var l [solveLeaf * solveLeaf]float64
	s.pack(l[:], n, t, ldt)
	along, across := ldb, 1
	if s.kind.Right {
		along, across = 1, ldb
	}
	start := 0
	if !s.forward() {
		start, along = (n-1)*along, -along
	}
	const chunk = 4 * lanes
	s.job.spans(others, chunk, func(from, to int) {
		var x [solveLeaf * lanes]float64
		for at := from; at < to; at += lanes {
			g := grid[T]{b, start + at*across, along, across, n, min(lanes, to-at)}
			g.load(&x)
			forward(n, l[:], x[:])
			g.store(&x)
		}
	})
}

// pack writes op(T), or its transpose when it stands on the right, as a lower
// triangle: forward in order, else from the last unknown to the first.
func (s solver[T]) pack(l []float64, n int, t []T, ldt int) {
	along, across := ldt, 1
	if s.kind.Trans != s.kind.Right {
		along, across = 1, ldt
	}
	start := 0
	if !s.forward() {
		start, along, across = (n-1)*(ldt+1), -along, -across
	}
	for i := range n {
		for j := range i + 1 {
			l[i*n+j] = float64(t[start+i*along+j*across])
		}
	}
}

// grid is a part of a matrix with n unknowns along one way and right sides
// across.
type grid[T float] struct {
	b                    []T
	start, along, across int
	n, width             int
}

func (g *grid[T]) load(x *[solveLeaf * lanes]float64) {
	if g.width < lanes {
		clear(x[:])
	}
	if g.across == 1 {
		for i := range g.n {
			at := g.start + i*g.along
			to := x[i*lanes:][:g.width]
			for k, v := range g.b[at : at+g.width] {
				to[k] = float64(v)
			}
		}
		return
	}
	for k := range g.width {
		at := g.start + k*g.across
		for i := range g.n {
			x[i*lanes+k] = float64(g.b[at])
			at += g.along
		}
	}
}

func (g *grid[T]) store(x *[solveLeaf * lanes]float64) {
	if g.across == 1 {
		for i := range g.n {
			at := g.start + i*g.along
			to := g.b[at : at+g.width]
			for k, v := range x[i*lanes:][:g.width] {
				to[k] = T(v)
			}
		}
		return
	}
	for k := range g.width {
		at := g.start + k*g.across
		for i := range g.n {
			g.b[at] = T(x[i*lanes+k])
			at += g.along
		}
	}
}
