package linalg

import "math"

// bidiagonalDC holds a divide and conquer run: the n x n upper bidiagonal
// matrix (d, e), the n x n matrices u and v whose rows become its singular
// vectors, and three n x n work areas. A problem of rows lo to lo+size may have
// one more column than rows; it uses columns lo to lo+size+extra of u and v, and
// as many rows of the work areas.
type bidiagonalDC struct {
	n                  int
	d, e, u, v         []float64
	work, diff, turned []float64
}

// bidiagonalVectors computes the singular values, in d, and the singular
// vectors, as rows of u and v, of the bidiagonal matrix (d, e); order lists them
// by rising value. It overwrites e.
// Source: Gu and Eisenstat 1995, A divide-and-conquer algorithm for the
// bidiagonal SVD.
func (j *job) bidiagonalVectors(d, e []float64) (u, v []float64, order []int, err error) {
	n := len(d)
	norm := max(largest(d), largest(e))
	b := &bidiagonalDC{n: n, d: d, e: e, u: make([]float64, n*n), v: make([]float64, n*n)}
	if n > leaf {
		b.work, b.diff, b.turned = make([]float64, n*n), make([]float64, n*n), make([]float64, n*n)
	}
	for i := range n {
		b.u[i*n+i], b.v[i*n+i] = 1, 1
	}
	if norm > 0 {
		scale(d, 1/norm)
		scale(e, 1/norm)
		if err := b.solve(j, 0, n, 0); err != nil {
			return nil, nil, nil, err
		}
		scale(d, norm)
	}
	return b.u, b.v, sorted(d), nil
}

func (b *bidiagonalDC) solve(j *job, lo, size, extra int) error {
	if size <= leaf {
		return b.leaf(lo, size, extra)
	}
	left := size / 2
	mid := lo + left // the row that couples the halves
	err := j.both(
		func(j *job) error { return b.solve(j, lo, left, 1) },
		func(j *job) error { return b.solve(j, mid+1, size-left-1, extra) })
	if err != nil {
		return err
	}
	return b.merge(j, lo, size, extra, left)
}

// leaf solves a small problem by QR, after rotating an extra column away.
func (b *bidiagonalDC) leaf(lo, size, extra int) error {
	n := b.n
	d, e := b.d[lo:lo+size], b.e[lo:lo+size-1]
	u := &rowTurner{b.u[lo*n+lo:], n, size}
	v := &rowTurner{b.v[lo*n+lo:], n, size + extra}
	if extra == 1 {
		over := b.e[lo+size-1]
		for i := size - 1; i >= 0; i-- {
			c, s, r := givens(d[i], over)
			d[i] = r
			rotate(v.q[i*n:][:v.cols], v.q[size*n:][:v.cols], c, s)
			if i > 0 {
				over, e[i-1] = -s*e[i-1], c*e[i-1]
			}
		}
	}
	if err := converged(bidiagonalQR(d, e, u, v)); err != nil {
		return err
	}
	for i, s := range d {
		if s < 0 {
			d[i] = -s
			scale(v.q[i*n:][:v.cols], -1)
		}
	}
	return nil
}

// vanishing is below what the secular equation can hold: it takes fourth powers.
const vanishing = 1e-70

// merge couples two solved halves by the row between them, alpha e' of the left
// and beta e' of the right. In the halves' bases the matrix is the diagonal of
// their singular values, with a zero for the row between, plus a first row z.
func (b *bidiagonalDC) merge(j *job, lo, size, extra, left int) error {
	n := b.n
	alpha, beta := b.d[lo+left], b.e[lo+left]
	u, v := b.u[lo*n+lo:], b.v[lo*n+lo:]
	m := &merge{kind: make([]uint8, size), value: b.d[lo : lo+size], z: make([]float64, size)}
	for r := range size {
		switch {
		case r < left:
			m.z[r] = alpha * v[r*n+left]
		case r > left:
			m.kind[r], m.z[r] = rightOnly, beta*v[r*n+left+1]
		}
	}
	m.kind[left], m.value[left] = dense, 0
	m.z[left] = alpha * v[left*n+left]
	if extra == 1 {
		c, s, r := givens(m.z[left], beta*v[size*n+left+1])
		m.z[left] = r
		rotate(v[left*n:][:size+1], v[size*n:][:size+1], c, s)
	}
	tolerance := max(16*epsilon*max(largest(m.value), math.Abs(alpha), math.Abs(beta)), vanishing)
	m.deflateBidiagonal(u, v, n, size+extra, left, tolerance)
	return b.couple(j, m, lo, size, extra, left, tolerance)
}

// deflateBidiagonal sorts rows into live, the zero first, and dead, which have
// hardly a coupling or nearly the value of the next.
func (m *merge) deflateBidiagonal(u, v []float64, ld, width, zero int, tolerance float64) {
	if math.Abs(m.z[zero]) <= tolerance {
		m.z[zero] = math.Copysign(tolerance, m.z[zero])
	}
	m.live = append(m.live, zero)
	previous := -1
	for _, row := range sorted(m.value) {
		if row == zero {
			continue
		}
		if math.Abs(m.z[row]) <= tolerance {
			m.dead = append(m.dead, row)
			continue
		}
		if previous >= 0 && m.value[row]-m.value[previous] <= tolerance {
			r := math.Hypot(m.z[previous], m.z[row])
			c, s := m.z[row]/r, -m.z[previous]/r
			m.z[previous], m.z[row] = 0, r
			rotate(u[previous*ld:][:len(m.value)], u[row*ld:][:len(m.value)], c, s)
			rotate(v[previous*ld:][:width], v[row*ld:][:width], c, s)
			if m.kind[previous] != m.kind[row] {
				m.kind[row] = dense
			}
			m.dead = append(m.dead, previous)
		} else if previous >= 0 {
			m.live = append(m.live, previous)
		}
		previous = row
	}
	if previous >= 0 {
		m.live = append(m.live, previous)
	}
}

// couple solves the secular equation of the live rows and turns the bases.
func (b *bidiagonalDC) couple(j *job, m *merge, lo, size, extra, left int, tolerance float64) error {
	n, k := b.n, len(m.live)
	s := &secular{d: make([]float64, k), w: make([]float64, k), rho: 1, squared: true}
	sign := make([]float64, k)
	for p, row := range m.live {
		s.d[p], sign[p] = m.value[row], m.z[row]
		s.w[p] = m.z[row] * m.z[row]
		s.total += s.w[p]
	}
	if k > 1 {
		s.d[1] = max(s.d[1], tolerance/2)
	}
	width := size + extra
	diff, turned, work := b.diff[lo*n:][:width*width], b.turned[lo*n:][:width*width], b.work[lo*n:][:width*width]
	origin, mu, ok := j.roots(s, diff)
	if !ok {
		return &NotConvergedError{Residual: math.Sqrt(s.total)}
	}
	z := j.couplings(s, diff, sign)
	order, first, middle := m.grouped()
	j.singularRows(s, diff, turned, z, order)
	if err := j.turn(basis{b.u[lo*n+lo:], n, left + 1, size}, m, order, first, middle, turned, work); err != nil {
		return err
	}
	if err := j.turn(basis{b.v[lo*n+lo:], n, left + 1, width}, m, order, first, middle, diff, work); err != nil {
		return err
	}
	kept := make([]float64, 0, size)
	for i := range k {
		o := s.d[origin[i]]
		kept = append(kept, o+mu[i]/(o+math.Sqrt(o*o+mu[i])))
	}
	for _, row := range m.dead {
		kept = append(kept, m.value[row])
	}
	copy(m.value, kept)
	return nil
}

// singularRows turns each row of differences into a right singular vector of the
// secular problem, and the same row of left into the left one, both with their
// elements in the given order.
func (j *job) singularRows(s *secular, diff, left, z []float64, order []int) {
	k := len(z)
	j.spans(k, max(1, (1<<14)/k), func(from, to int) {
		u, v := make([]float64, k), make([]float64, k)
		for i := from; i < to; i++ {
			row := diff[i*k : (i+1)*k]
			for p, place := range order {
				v[p] = z[place] / row[place]
				u[p] = s.d[place] * v[p]
				if place == 0 {
					u[p] = -1
				}
			}
			unit(row, v)
			unit(left[i*k:(i+1)*k], u)
		}
	})
}
