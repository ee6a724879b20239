package linalg

import "math"

// tridiagonal is T = Q' A Q: diagonal d, off-diagonal e. Row k of a holds, from
// column k+1 on, the reflection H_k of Q = H_0 H_1 ...
type tridiagonal struct {
	n         int
	a         []float64 // n x n, owned
	d, e, tau []float64
}

// tridiagonalise reduces the symmetric n x n matrix of which a holds the upper
// triangle, and overwrites a. Half of the work is symmetric matrix-vector
// products, half is matrix products that bring the rest of the matrix up to
// date after each panel.
// Source: Dongarra, Hammarling and Sorensen 1989, Block reduction of matrices to
// condensed forms for eigenvalue computations.
func (j *job) tridiagonalise(a []float64, n int) (*tridiagonal, error) {
	t := &tridiagonal{n: n, a: a, d: make([]float64, n), e: make([]float64, n-1), tau: make([]float64, n-1)}
	p := &symmetricPanel{tridiagonal: t, z: make([]float64, 2*panelWidth*n), swapped: make([]float64, 2*panelWidth*n), product: newSymmetricProduct(n)}
	for from := 0; from < n-1; from += panelWidth {
		to := min(from+panelWidth, n-1)
		for i := from; i < to; i++ {
			if err := j.cancelled(); err != nil {
				return nil, err
			}
			p.step(j, i, 2*(i-from))
		}
		if err := p.update(j, to, 2*(to-from)); err != nil {
			return nil, err
		}
	}
	t.d[n-1] = a[n*n-1]
	return t, nil
}

// symmetricPanel holds the panel's reflections v and their products w as rows
// v0 w0 v1 w1 ... of z, and the same in the order w0 v0 w1 v1 ... The matrix as
// it should be is a minus z' times swapped.
type symmetricPanel struct {
	*tridiagonal
	z, swapped []float64
	product    *symmetricProduct
}

// step reduces row i, with so many rows of z filled.
func (p *symmetricPanel) step(j *job, i, filled int) {
	n := p.n
	var coef [2 * panelWidth]float64
	row := p.a[i*n+i : (i+1)*n]
	for r := range filled {
		coef[r] = -p.swapped[r*n+i]
	}
	addRows(row, p.z[i:], n, coef[:filled])
	p.d[i] = row[0]
	v := row[1:]
	p.e[i], p.tau[i] = reflector(v)

	w := p.z[(filled+1)*n+i+1 : (filled+2)*n]
	p.product.multiply(j, w, p.a[(i+1)*n+i+1:], n, v)
	dotRows(coef[:filled], p.swapped[i+1:], n, v)
	scale(coef[:filled], -1)
	addRows(w, p.z[i+1:], n, coef[:filled])
	scale(w, p.tau[i])
	axpy(w, v, -p.tau[i]/2*dot(w, v))

	copy(p.z[filled*n+i+1:], v)
	copy(p.swapped[filled*n+i+1:(filled+1)*n], w)
	copy(p.swapped[(filled+1)*n+i+1:], v)
}

// update subtracts the panel from the upper triangle that starts at q.
func (p *symmetricPanel) update(j *job, q, filled int) error {
	const rows = 128
	n := p.n
	for r := q; r < n; r += rows {
		if err := j.multiply(true, false, min(rows, n-r), n-r, filled, -1, p.z[r:], n, p.swapped[r:], n, 1, p.a[r*n+r:], n); err != nil {
			return err
		}
	}
	return nil
}

// symmetricProduct multiplies by symmetric matrices of up to n rows.
type symmetricProduct struct {
	partial []float64
}

const productTasks = 8

func newSymmetricProduct(n int) *symmetricProduct {
	return &symmetricProduct{make([]float64, productTasks*n)}
}

// multiply sets y to S x, where a holds the upper triangle of S. Strips of rows
// of equal area each sum into memory of their own, and are added in order.
func (p *symmetricProduct) multiply(j *job, y, a []float64, lda int, x []float64) {
	n := len(x)
	tasks := max(1, min(productTasks, n/96))
	start := func(task int) int {
		if task == tasks {
			return n
		}
		return int(float64(n)*(1-math.Sqrt(1-float64(task)/float64(tasks)))) &^ 3
	}
	j.each(tasks, func(task int) {
		from := start(task)
		symvStrip(p.partial[task*n:(task+1)*n], a, lda, x, from, start(task+1))
	})
	copy(y, p.partial[:n])
	for task := 1; task < tasks; task++ {
		from := start(task)
		axpy(y[from:], p.partial[task*n+from:(task+1)*n], 1)
	}
}

// symvStrip sets y[from:] to what rows from to to of the upper triangle give.
func symvStrip(y, a []float64, lda int, x []float64, from, to int) {
	n := len(x)
	clear(y[from:])
	r := from
	for ; r+4 <= to; r += 4 {
		if r+4 < n {
			var out [4]float64
			symv4(y[r+4:], a[r*lda+r+4:], lda, x[r+4:], (*[4]float64)(x[r:]), &out)
			axpy(y[r:r+4], out[:], 1)
		}
		symvTriangle(y[r:r+4], a[r*lda+r:], lda, x[r:])
	}
	if r < to {
		symvTriangle(y[r:to], a[r*lda+r:], lda, x[r:])
	}
}

// symvTriangle adds the product of the small symmetric matrix at a to y.
func symvTriangle(y, a []float64, lda int, x []float64) {
	for i := range y {
		y[i] += a[i*lda+i] * x[i]
		for k := i + 1; k < len(y); k++ {
			y[i] += a[i*lda+k] * x[k]
			y[k] += a[i*lda+k] * x[i]
		}
	}
}

// back multiplies the rows of q, in place, by Q': rows that are eigenvectors of
// T become eigenvectors of A.
func (t *tridiagonal) back(j *job, q []float64) error {
	n := t.n
	width := backWidth(n)
	b := newBlock(width, n)
	for from := max(n-2, 0) / width * width; from >= 0; from -= width {
		k := min(width, n-1-from)
		length := n - from - 1
		b.loadRows(t.a[from*n+from+1:], n, k, length)
		b.form(j, k, length, t.tau[from:from+k])
		if err := b.applyRight(j, n, q[from+1:], n); err != nil {
			return err
		}
	}
	return nil
}
