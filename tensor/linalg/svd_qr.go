package linalg

// triangularise replaces the m x n matrix a, m >= n, by its QR factors: R on and
// above the diagonal, the reflections of Q in the columns below it.
// Source: Golub and Van Loan, Matrix Computations, 5.2.
func (j *job) triangularise(a []float64, m, n int) (tau []float64, err error) {
	tau = make([]float64, n)
	panel, block := make([]float64, panelWidth*m), newBlock(panelWidth, m)
	for from := 0; from < n; from += panelWidth {
		if err := j.cancelled(); err != nil {
			return nil, err
		}
		k, length := min(panelWidth, n-from), m-from
		top := a[from*n+from:]
		transpose(panel, length, top, n, length, k)
		j.panelReflectors(panel, length, k, tau[from:])
		transpose(top, n, panel, length, k, length)
		if from+k == n {
			break
		}
		block.loadColumns(top, n, k, length)
		block.form(j, k, length, tau[from:from+k])
		if err := block.applyLeft(j, n-from-k, top[k:], n); err != nil {
			return nil, err
		}
	}
	return tau, nil
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
