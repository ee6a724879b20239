package linalg

import "math"

// tridiagonalDC holds a divide and conquer run: the matrix (d, e), the n x n
// matrix q whose rows become its eigenvectors, and two n x n work areas. A
// problem of rows lo to hi uses rows lo to hi of each.
type tridiagonalDC struct {
	n          int
	d, e, q    []float64
	work, diff []float64
}

// tridiagonalVectors computes the eigenvalues, in d, and the eigenvectors, as
// rows of the result, of the symmetric tridiagonal matrix (d, e); order lists
// them by rising eigenvalue. It overwrites e.
// Source: Cuppen 1981, A divide and conquer method for the symmetric
// tridiagonal eigenproblem; Gu and Eisenstat 1995.
func (j *job) tridiagonalVectors(d, e []float64) (q []float64, order []int, err error) {
	n := len(d)
	norm := max(largest(d), largest(e))
	t := &tridiagonalDC{n: n, d: d, e: e, q: make([]float64, n*n)}
	if n > leaf {
		t.work, t.diff = make([]float64, n*n), make([]float64, n*n)
	}
	for i := range n {
		t.q[i*n+i] = 1
	}
	if norm > 0 {
		scale(d, 1/norm)
		scale(e, 1/norm)
		if err := t.solve(j, 0, n); err != nil {
			return nil, nil, err
		}
		scale(d, norm)
	}
	return t.q, sorted(d), nil
}

func (t *tridiagonalDC) solve(j *job, lo, hi int) error {
	n := t.n
	if hi-lo <= leaf {
		return converged(tridiagonalQL(t.d[lo:hi], t.e[lo:hi-1], t.q[lo*n+lo:], n))
	}
	mid := (lo + hi) / 2
	couple := t.e[mid-1]
	t.d[mid-1] -= math.Abs(couple)
	t.d[mid] -= math.Abs(couple)
	err := j.both(
		func(j *job) error { return t.solve(j, lo, mid) },
		func(j *job) error { return t.solve(j, mid, hi) })
	if err != nil {
		return err
	}
	return t.merge(j, lo, mid, hi, couple)
}

// merge solves diag(T1, T2) + |couple| u u', where u has a one at the end of the
// first half and the sign of couple at the start of the second.
func (t *tridiagonalDC) merge(j *job, lo, mid, hi int, couple float64) error {
	n, width, split := t.n, hi-lo, mid-lo
	q := t.q[lo*n+lo:]
	m := &merge{kind: make([]uint8, width), value: t.d[lo:hi], z: make([]float64, width)}
	for r := range width {
		if r < split {
			m.z[r] = q[r*n+split-1] * math.Sqrt2 / 2
		} else {
			m.kind[r] = rightOnly
			m.z[r] = math.Copysign(math.Sqrt2/2, couple) * q[r*n+split]
		}
	}
	rho := 2 * math.Abs(couple)
	m.deflateSymmetric(q, n, rho)
	k := len(m.live)
	if k == 0 {
		return nil
	}
	s := &secular{d: make([]float64, k), w: make([]float64, k), rho: rho}
	sign := make([]float64, k)
	for p, row := range m.live {
		s.d[p], sign[p] = m.value[row], m.z[row]
		s.w[p] = m.z[row] * m.z[row]
		s.total += s.w[p]
	}
	diff, work := t.diff[lo*n:][:width*width], t.work[lo*n:][:width*width]
	origin, mu, ok := j.roots(s, diff)
	if !ok {
		return &NotConvergedError{Residual: rho}
	}
	z := j.couplings(s, diff, sign)
	order, left, middle := m.grouped()
	j.eigenRows(diff, z, order)
	if err := j.turn(basis{q, n, split, width}, m, order, left, middle, diff, work); err != nil {
		return err
	}
	kept := make([]float64, 0, width)
	for i := range k {
		kept = append(kept, s.d[origin[i]]+mu[i])
	}
	for _, row := range m.dead {
		kept = append(kept, m.value[row])
	}
	copy(m.value, kept)
	return nil
}

// eigenRows turns each row of differences into a unit eigenvector of the
// secular problem, its elements in the given order.
func (j *job) eigenRows(diff, z []float64, order []int) {
	k := len(z)
	j.spans(k, max(1, (1<<14)/k), func(from, to int) {
		v := make([]float64, k)
		for i := from; i < to; i++ {
			row := diff[i*k : (i+1)*k]
			for p, place := range order {
				v[p] = z[place] / row[place]
			}
			unit(row, v)
		}
	})
}

// unit writes v over its norm.
func unit(to, v []float64) {
	f := 1 / math.Sqrt(dot(v, v))
	for i, x := range v {
		to[i] = x * f
	}
}

// deflateSymmetric sorts rows into live and dead: dead are those with hardly a
// coupling, and those that a rotation with a neighbour of nearly the same value
// frees of it.
func (m *merge) deflateSymmetric(q []float64, ld int, rho float64) {
	tolerance := 16 * epsilon * max(largest(m.value), largest(m.z))
	previous := -1
	for _, row := range sorted(m.value) {
		if rho*math.Abs(m.z[row]) <= tolerance {
			m.dead = append(m.dead, row)
			continue
		}
		if previous >= 0 && m.combine(previous, row, q, ld, tolerance) {
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

// combine moves the coupling of row a into row b if the element that this makes
// off the diagonal is negligible.
func (m *merge) combine(a, b int, q []float64, ld int, tolerance float64) bool {
	r := math.Hypot(m.z[a], m.z[b])
	c, s := m.z[b]/r, -m.z[a]/r
	if math.Abs((m.value[b]-m.value[a])*c*s) > tolerance {
		return false
	}
	m.z[a], m.z[b] = 0, r
	n := len(m.value)
	rotate(q[a*ld:a*ld+n], q[b*ld:b*ld+n], c, s)
	if m.kind[a] != m.kind[b] {
		m.kind[b] = dense
	}
	va, vb := m.value[a], m.value[b]
	m.value[a], m.value[b] = va*c*c+vb*s*s, va*s*s+vb*c*c
	return true
}
