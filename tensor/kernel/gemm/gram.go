package gemm

// gramBlock is how many rows of X are summed in float32 before the sum is
// added in float64.
const gramBlock = 256

// gramTile computes C += A*B for rows x cols of a tile, from an A packed mr
// wide and a B packed nr wide: at most two blocks of gramBlock steps, each
// summed in float32 and added in turn, so that C is gone over once for both.
type gramTile func(kc int, a, b *float32, c *float64, ldc, rows, cols int)

// Gram adds the lower triangle of X^T*X to dst, d x d, where X is n x d: the
// statistics of GPTQ and SparseGPT, the covariance of PCA. Rows of X are summed
// in float32 in blocks of 256 and blocks in float64, so that the error does
// not grow with n. What lies above the diagonal of dst is undefined until
// MirrorLower. Several calls add up; the bits depend on how the rows were
// split over the calls, unless at multiples of 256, but not on workers.
func Gram(dst []float64, d int, x []float32, n, ldx, workers int) {
	checkShape("X", len(x), n, d, ldx, false)
	checkShape("dst", len(dst), d, d, d, false)
	if n == 0 || d == 0 {
		return
	}
	t := *f32Kit()
	t.kc = 2 * gramBlock
	p := product[float32]{
		kit: &t, m: d, n: d, k: n, below: true,
		a: t.operand(x, ldx, false), b: t.operand(x, ldx, false),
	}
	p.out = func(kc int, a, b *float32, i, j, rows, cols int, first bool) {
		if t.wide && cols < t.nr {
			narrowGram(t.gram, kc, a, b, dst[i*d+j:], d, rows, cols)
			return
		}
		if !t.wide {
			cols = min(cols, i+rows-j) // the rest is above the diagonal
		}
		t.gram(kc, a, b, &dst[i*d+j], d, rows, cols)
	}
	p.run(workers)
}

// narrowGram runs a tile that writes whole rows on a copy of a part of C.
func narrowGram(tile gramTile, kc int, a, b *float32, c []float64, ldc, rows, cols int) {
	const width = 16
	var buf [8 * width]float64
	for i := range rows {
		copy(buf[i*width:], c[i*ldc:i*ldc+cols])
	}
	tile(kc, a, b, &buf[0], width, rows, cols)
	for i := range rows {
		copy(c[i*ldc:i*ldc+cols], buf[i*width:])
	}
}

// MirrorLower copies the lower triangle of the d x d matrix x to the upper one.
func MirrorLower[T float32 | float64](x []T, d int) {
	const block = 32 // columns are read down a block, which stays in cache
	for i0 := 0; i0 < d; i0 += block {
		for j0 := 0; j0 <= i0; j0 += block {
			for i := i0; i < min(i0+block, d); i++ {
				for j := j0; j < min(j0+block, i); j++ {
					x[j*d+i] = x[i*d+j]
				}
			}
		}
	}
}
