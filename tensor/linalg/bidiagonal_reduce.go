package linalg

// bidiagonal is B = Q' A P: diagonal d, superdiagonal e. Column k of a holds,
// from row k on, the reflection H_k of Q = H_0 H_1 ...; row k holds, from column
// k+1 on, the reflection G_k of P = G_0 G_1 ...
type bidiagonal struct {
	m, n       int       // m >= n
	a          []float64 // m x n, owned
	d, e       []float64
	tauQ, tauP []float64
}

// bidiagonalise reduces the m x n matrix a with m >= n and overwrites it. Half
// of the work is matrix-vector products, half is matrix products that bring the
// rest of the matrix up to date after each panel.
// Source: Dongarra, Hammarling and Sorensen 1989, Block reduction of matrices to
// condensed forms for eigenvalue computations.
func (j *job) bidiagonalise(a []float64, m, n int) (*bidiagonal, error) {
	b := &bidiagonal{m: m, n: n, a: a, d: make([]float64, n), e: make([]float64, n-1), tauQ: make([]float64, n), tauP: make([]float64, n-1)}
	p := &bidiagonalPanel{bidiagonal: b,
		columns: make([]float64, panelWidth*m), left: make([]float64, 2*panelWidth*m), right: make([]float64, 2*panelWidth*n)}
	for from := 0; from < n; from += panelWidth {
		to := min(from+panelWidth, n)
		transpose(p.columns[from:], m, a[from*n+from:], n, m-from, to-from)
		for i := from; i < to; i++ {
			if err := j.cancelled(); err != nil {
				return nil, err
			}
			p.step(j, i, i-from)
		}
		for i := from; i < to; i++ {
			transpose(a[i*n+i:], n, p.columns[(i-from)*m+i:], m, 1, m-i)
		}
		k := 2 * (to - from)
		if err := j.multiply(true, false, m-to, n-to, k, -1, p.left[to:], m, p.right[to:], n, 1, a[min(to*n+to, len(a)):], n); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// bidiagonalPanel holds a panel's columns as rows, and rows u0 x0 u1 x1 ... of
// left and y0 v0 y1 v1 ... of right: the matrix as it should be is a minus
// left' times right.
type bidiagonalPanel struct {
	*bidiagonal
	columns, left, right []float64
}

// step reduces column i and row i, the c-th of the panel.
func (p *bidiagonalPanel) step(j *job, i, c int) {
	m, n, filled := p.m, p.n, 2*c
	var coef [2 * panelWidth]float64
	negate := func(from []float64, ld, at, count int) {
		for r := range count {
			coef[r] = -from[r*ld+at]
		}
	}
	u := p.columns[c*m+i : (c+1)*m]
	negate(p.right, n, i, filled)
	addRows(u, p.left[i:], m, coef[:filled])
	p.d[i], p.tauQ[i] = reflector(u)
	copy(p.left[filled*m+i:], u)
	if i == n-1 {
		return
	}

	y := p.right[filled*n+i+1 : (filled+1)*n]
	j.gemvCols(y, p.a[i*n+i+1:], n, u)
	j.gemvRows(coef[:filled], p.left[i:], m, u)
	scale(coef[:filled], -1)
	addRows(y, p.right[i+1:], n, coef[:filled])
	scale(y, p.tauQ[i])

	v := p.a[i*n+i+1 : (i+1)*n]
	negate(p.left, m, i, filled+1)
	addRows(v, p.right[i+1:], n, coef[:filled+1])
	p.e[i], p.tauP[i] = reflector(v)
	copy(p.right[(filled+1)*n+i+1:], v)

	x := p.left[(filled+1)*m+i+1 : (filled+2)*m]
	j.gemvRows(x, p.a[(i+1)*n+i+1:], n, v)
	dotRows(coef[:filled+1], p.right[i+1:], n, v)
	scale(coef[:filled+1], -1)
	addRows(x, p.left[i+1:], m, coef[:filled+1])
	scale(x, p.tauP[i])
}

// backLeft multiplies the n rows of u (n x m), in place, by Q': left singular
// vectors of B, padded with zeros, become those of A.
func (b *bidiagonal) backLeft(j *job, u []float64) error {
	return backColumns(j, b.a, b.n, b.m, b.n, b.tauQ, u, b.n)
}

// backColumns multiplies the rows x m matrix u from the right by the transpose
// of the reflections in the columns of a, from the diagonal down.
func backColumns(j *job, a []float64, lda, m, count int, tau, u []float64, rows int) error {
	width := backWidth(m)
	block := newBlock(width, m)
	for from := (count - 1) / width * width; from >= 0; from -= width {
		k, length := min(width, count-from), m-from
		block.loadColumns(a[from*lda+from:], lda, k, length)
		block.form(j, k, length, tau[from:from+k])
		if err := block.applyRight(j, rows, u[from:], m); err != nil {
			return err
		}
	}
	return nil
}

// backRight multiplies the n rows of v (n x n), in place, by P'.
func (b *bidiagonal) backRight(j *job, v []float64) error {
	n := b.n
	width := backWidth(n)
	block := newBlock(width, n)
	for from := max(n-2, 0) / width * width; from >= 0 && n > 1; from -= width {
		k, length := min(width, n-1-from), n-from-1
		block.loadRows(b.a[from*n+from+1:], n, k, length)
		block.form(j, k, length, b.tauP[from:from+k])
		if err := block.applyRight(j, n, v[from+1:], n); err != nil {
			return err
		}
	}
	return nil
}
