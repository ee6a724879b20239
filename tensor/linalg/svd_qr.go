package linalg

// triangularise replaces the m x n matrix a, m >= n, by its QR factors: R on and
// above the diagonal, the reflections of Q in the columns below it. Panels make
// up wider blocks, and only blocks touch the rest of the matrix.
// Source: Golub and Van Loan, Matrix Computations, 5.2.
func (j *job) triangularise(a []float64, m, n int) (tau []float64, err error) {
	tau = make([]float64, n)
	width := backWidth(m)
	panel, inner, outer := make([]float64, panelWidth*m), newBlock(panelWidth, m), newBlock(width, m)
	for from := 0; from < n; from += width {
		end := min(from+width, n)
		for at := from; at < end; at += panelWidth {
			k, length, top := min(panelWidth, end-at), m-at, a[at*n+at:]
			transpose(panel, length, top, n, length, k)
			j.panelReflectors(panel, length, k, tau[at:])
			transpose(top, n, panel, length, k, length)
			if err := inner.updateRight(j, top, n, k, length, end-at, tau[at:at+k]); err != nil {
				return nil, err
			}
		}
		if err := outer.updateRight(j, a[from*n+from:], n, end-from, m-from, n-from, tau[from:end]); err != nil {
			return nil, err
		}
	}
	return tau, nil
}

// updateRight applies the reflections in the first k columns of a to those from
// k up to cols.
func (b *block) updateRight(j *job, a []float64, lda, k, length, cols int, tau []float64) error {
	if err := j.cancelled(); err != nil || k == cols {
		return err
	}
	b.loadColumns(a, lda, k, length)
	b.form(j, k, length, tau)
	return b.applyLeft(j, cols-k, a[k:], lda)
}

// panelReflectors makes the QR factors of a panel whose columns are the rows of
// the k x length matrix p.
func (j *job) panelReflectors(p []float64, length, k int, tau []float64) {
	var products [panelWidth]float64
	for r := range k {
		v := p[r*length+r : (r+1)*length]
		beta, t := reflector(v)
		tau[r] = t
		rest := products[:k-r-1]
		if len(rest) > 0 {
			below := p[(r+1)*length+r:]
			j.gemvRows(rest, below, length, v)
			for i, s := range rest {
				axpy(below[i*length:][:len(v)], v, -t*s)
			}
		}
		v[0] = beta
	}
}

// upper copies the n x n upper triangle out of a.
func upper(a []float64, n int) []float64 {
	r := make([]float64, n*n)
	for i := range n {
		copy(r[i*n+i:(i+1)*n], a[i*n+i:])
	}
	return r
}
