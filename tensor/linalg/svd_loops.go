package linalg

// The loops below take matrices by their rows: row r is a[r*lda:][:len(x)].

// dotRows sets out[r] to the product of row r with x.
func dotRows(out, a []float64, lda int, x []float64) {
	r := 0
	for ; r+4 <= len(out); r += 4 {
		dot4((*[4]float64)(out[r:]), a[r*lda:], lda, x)
	}
	for ; r < len(out); r++ {
		out[r] = dot(a[r*lda:][:len(x)], x)
	}
}

// addRows adds the sum of c[r] times row r to y. Each element of y takes its
// terms in the order of the rows, wherever the slice begins.
func addRows(y, a []float64, lda int, c []float64) {
	r := 0
	for ; r+4 <= len(c); r += 4 {
		add4(y, a[r*lda:], lda, (*[4]float64)(c[r:]))
	}
	for ; r < len(c); r++ {
		axpy(y, a[r*lda:][:len(y)], c[r])
	}
}

func scale(x []float64, c float64) {
	for i := range x {
		x[i] *= c
	}
}

// gemvRows is dotRows for a large matrix, over the job's workers.
func (j *job) gemvRows(y, a []float64, lda int, x []float64) {
	if len(y)*len(x) < smallGemv {
		dotRows(y, a, lda, x)
		return
	}
	j.spans(len(y), gemvSpan(len(x)), func(from, to int) { dotRows(y[from:to], a[from*lda:], lda, x) })
}

// gemvCols sets y to the sum of x[r] times row r, over the job's workers.
func (j *job) gemvCols(y, a []float64, lda int, x []float64) {
	clear(y)
	if len(y)*len(x) < smallGemv {
		addRows(y, a, lda, x)
		return
	}
	j.spans(len(y), 256, func(from, to int) { addRows(y[from:to], a[from:], lda, x) })
}

// smallGemv is the size in elements below which starting a goroutine costs more
// than it saves.
const smallGemv = 1 << 14

// gemvSpan is how many rows of n elements one task takes: a multiple of four,
// so that rows meet the same loop in any cut.
func gemvSpan(n int) int { return max(4, (1<<14)/n&^3) }

func dot4Go(out *[4]float64, a []float64, lda int, x []float64) {
	for r := range out {
		out[r] = dotGo(a[r*lda:][:len(x)], x)
	}
}

// dotGo sums in sixteen strands: equal terms, whose roundings all go one way,
// then cost few digits.
func dotGo(a, x []float64) float64 {
	var s [16]float64
	a = a[:len(x)]
	for len(x) >= 16 {
		p, q := (*[16]float64)(a), (*[16]float64)(x)
		for k := range s {
			s[k] += p[k] * q[k]
		}
		a, x = a[16:], x[16:]
	}
	for k, v := range x {
		s[k] += a[k] * v
	}
	for half := 8; half > 0; half /= 2 {
		for k := range half {
			s[k] += s[k+half]
		}
	}
	return s[0]
}

func add4Go(y, a []float64, lda int, c *[4]float64) {
	a0, a1, a2, a3 := a[:len(y)], a[lda:][:len(y)], a[2*lda:][:len(y)], a[3*lda:][:len(y)]
	for i := range y {
		y[i] = y[i] + c[0]*a0[i] + c[1]*a1[i] + c[2]*a2[i] + c[3]*a3[i]
	}
}

func axpyGo(y, a []float64, c float64) {
	for i, v := range a[:len(y)] {
		y[i] += c * v
	}
}

// symv4Go reads four rows once for both uses that a symmetric product has for
// them: y += sum of c[r] times row r, and out[r] = row r times x.
func symv4Go(y, a []float64, lda int, x []float64, c, out *[4]float64) {
	dot4Go(out, a, lda, x)
	add4Go(y, a, lda, c)
}

// rotateGo replaces x by c*x + s*y and y by c*y - s*x.
func rotateGo(x, y []float64, c, s float64) {
	for i, v := range x {
		w := y[i]
		x[i] = c*v + s*w
		y[i] = c*w - s*v
	}
}

// secularSumsGo is the sum of w/(gap-mu) and the sum of w/(gap-mu)^2.
func secularSumsGo(gap, w []float64, mu float64) (sum, slope float64) {
	for i, g := range gap {
		inv := 1 / (g - mu)
		t := w[i] * inv
		sum += t
		slope += t * inv
	}
	return sum, slope
}
