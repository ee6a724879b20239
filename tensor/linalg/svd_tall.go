package linalg

// tall is the SVD of an m x n matrix with m >= n as rows: u is n x m, v is n x n.
type tall struct {
	u, v  Matrix
	s     []float64
	order []int // by rising s
}

// tallRatio is the ratio of the sides from which a QR decomposition first, and
// the rest on its small triangle, is less work.
const tallRatio = 1.5

func (j *job) decomposeTall(m Matrix) (*tall, error) {
	square, tau, err := j.shortened(m)
	if err != nil {
		return nil, err
	}
	solve := j.decomposeLarge
	if m.Cols <= jacobiSize {
		solve = j.decomposeSmall
	}
	t, err := solve(square)
	if err != nil || tau == nil {
		return t, err
	}
	t.u = padded(t.u.Data, m.Cols, m.Rows)
	return t, backColumns(j, m.Data, m.Cols, m.Rows, m.Cols, tau, t.u.Data, m.Cols)
}

// shortened is R of the QR factors of a matrix that is much taller than wide,
// with the reflections left in m, and otherwise m itself, without tau.
func (j *job) shortened(m Matrix) (square Matrix, tau []float64, err error) {
	if float64(m.Rows) <= tallRatio*float64(m.Cols) {
		return m, nil, nil
	}
	tau, err = j.triangularise(m.Data, m.Rows, m.Cols)
	return Matrix{Rows: m.Cols, Cols: m.Cols, Data: upper(m.Data, m.Cols)}, tau, err
}

func (j *job) decomposeLarge(m Matrix) (*tall, error) {
	b, err := j.bidiagonalise(m.Data, m.Rows, m.Cols)
	if err != nil {
		return nil, err
	}
	u, v, order, err := j.bidiagonalVectors(b.d, b.e)
	if err != nil {
		return nil, err
	}
	t := &tall{u: padded(u, b.n, b.m), v: Matrix{Rows: b.n, Cols: b.n, Data: v}, s: b.d, order: order}
	if err := b.backRight(j, v); err != nil {
		return nil, err
	}
	return t, b.backLeft(j, t.u.Data)
}

// padded lengthens the n rows of the square matrix u by zeros.
func padded(u []float64, n, length int) Matrix {
	if n == length {
		return Matrix{Rows: n, Cols: n, Data: u}
	}
	out := NewMatrix(n, length)
	for i := range n {
		copy(out.Row(i), u[i*n:(i+1)*n])
	}
	return out
}

func (j *job) decomposeSmall(m Matrix) (*tall, error) {
	w := m.transposed()
	v, left := jacobi(w.Data, m.Rows, m.Cols)
	if err := converged(left); err != nil {
		return nil, err
	}
	s := normalise(w.Data, m.Rows, m.Cols)
	return &tall{u: w, v: Matrix{Rows: m.Cols, Cols: m.Cols, Data: v}, s: s, order: sorted(s)}, nil
}

// finish puts the largest values first and fixes the signs: by u, or by v where
// the matrix was transposed.
func (t *tall) finish(transposed bool) {
	n := len(t.s)
	down, s := make([]int, n), make([]float64, n)
	for k, row := range t.order {
		down[n-1-k] = row
		s[n-1-k] = t.s[row]
	}
	t.s = s
	permuteRows(t.u, down)
	permuteRows(t.v, down)
	decides := t.u
	if transposed {
		decides = t.v
	}
	for k := range n {
		if signOf(decides.Row(k)) < 0 {
			scale(t.u.Row(k), -1)
			scale(t.v.Row(k), -1)
		}
	}
}

// valuesTall is the singular values alone, in no order.
func (j *job) valuesTall(m Matrix) ([]float64, error) {
	square, _, err := j.shortened(m)
	if err != nil {
		return nil, err
	}
	if m.Cols <= jacobiSize {
		t, err := j.decomposeSmall(square)
		if err != nil {
			return nil, err
		}
		return t.s, nil
	}
	b, err := j.bidiagonalise(square.Data, square.Rows, square.Cols)
	if err != nil {
		return nil, err
	}
	return bidiagonalValues(b.d, b.e)
}

func bidiagonalValues(d, e []float64) ([]float64, error) {
	norm := max(largest(d), largest(e))
	if norm == 0 {
		return d, nil
	}
	scale(d, 1/norm)
	scale(e, 1/norm)
	if err := converged(bidiagonalQR(d, e, nil, nil)); err != nil {
		return nil, err
	}
	for i, s := range d {
		d[i] = max(s, -s) * norm
	}
	return d, nil
}
