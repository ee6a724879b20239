package linalg

func dot4(out *[4]float64, a []float64, lda int, x []float64)        { dot4Go(out, a, lda, x) }
func dot(a, x []float64) float64                                     { return dotGo(a, x) }
func add4(y, a []float64, lda int, c *[4]float64)                    { add4Go(y, a, lda, c) }
func axpy(y, a []float64, c float64)                                 { axpyGo(y, a, c) }
func symv4(y, a []float64, lda int, x []float64, c, out *[4]float64) { symv4Go(y, a, lda, x, c, out) }
func rotate(x, y []float64, c, s float64)                            { rotateGo(x, y, c, s) }
func secularSums(gap, w []float64, mu float64) (sum, slope float64)  { return secularSumsGo(gap, w, mu) }
