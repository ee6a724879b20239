//go:build !amd64

package linalg

// dot4 sets out[r] to row r times x.
func dot4(out *[4]float64, a []float64, lda int, x []float64) { dot4Go(out, a, lda, x) }

// add4 adds c[r] times row r to y.
func add4(y, a []float64, lda int, c *[4]float64) { add4Go(y, a, lda, c) }

// symv4 is dot4 and add4 of the same rows, which it reads once.
func symv4(y, a []float64, lda int, x []float64, c, out *[4]float64) { symv4Go(y, a, lda, x, c, out) }

// rotate replaces x by c*x + s*y and y by c*y - s*x.
func rotate(x, y []float64, c, s float64) { rotateGo(x, y, c, s) }

// dot is the product of a and x.
func dot(a, x []float64) float64 { return dotGo(a, x) }

// axpy adds c times a to y.
func axpy(y, a []float64, c float64) { axpyGo(y, a, c) }

// secularSums is the sum of w/(gap-mu) and the sum of w/(gap-mu)^2.
func secularSums(gap, w []float64, mu float64) (sum, slope float64) {
	return secularSumsGo(gap, w, mu)
}
