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
	if m.Cols <= jacobiSize {
		return jacobiTall(m)
	}
	square, tau := m, []float64(nil)
	if float64(m.Rows) > tallRatio*float64(m.Cols) {
		var err error
		if tau, err = j.triangularise(m.Data, m.Rows, m.Cols); err != nil {
			return nil, err
		}
		square = Matrix{Rows: m.Cols, Cols: m.Cols, Data: upper(m.Data, m.Cols)}
	}
	b, err := j.bidiagonalise(square.Data, square.Rows, square.Cols)
	if err != nil {
		return nil, err
	}
	u, v, order, err := j.bidiagonalVectors(b.d, b.e)
	if err != nil {
		return nil, err
	}
	t := &tall{s: b.d, order: order, v: Matrix{Rows: b.n, Cols: b.n, Data: v}}
	if err := b.backRight(j, v); err != nil {
		return nil, err
	}
	t.u = padded(u, b.n, b.m)
	if err := b.backLeft(j, t.u.Data); err != nil {
		return nil, err
	}
	if tau != nil {
		t.u = padded(t.u.Data, m.Cols, m.Rows)
		return t, backColumns(j, m.Data, m.Cols, m.Rows, m.Cols, tau, t.u.Data, m.Cols)
	}
	return t, nil
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

func jacobiTall(m Matrix) (*tall, error) {
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
	if m.Cols <= jacobiSize {
		t, err := jacobiTall(m)
		if err != nil {
			return nil, err
		}
		return t.s, nil
	}
	if float64(m.Rows) > tallRatio*float64(m.Cols) {
		if _, err := j.triangularise(m.Data, m.Rows, m.Cols); err != nil {
			return nil, err
		}
		m = Matrix{Rows: m.Cols, Cols: m.Cols, Data: upper(m.Data, m.Cols)}
	}
	b, err := j.bidiagonalise(m.Data, m.Rows, m.Cols)
	if err != nil {
		return nil, err
	}
	norm := max(largest(b.d), largest(b.e))
	if norm == 0 {
		return b.d, nil
	}
	scale(b.d, 1/norm)
	scale(b.e, 1/norm)
	if err := converged(bidiagonalQR(b.d, b.e, nil, nil)); err != nil {
		return nil, err
	}
	for i, s := range b.d {
		b.d[i] = max(s, -s) * norm
	}
	return b.d, nil
}
