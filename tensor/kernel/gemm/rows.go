package gemm

// Rows decodes elements of a matrix's rows: it fills dst with those of row i
// from column from on, which is a multiple of 256, as dst's length is unless the
// row ends. Several goroutines call it at once.
type Rows func(dst []float32, i, from int)

// F32Rows is F32 with a B that is transposed, n rows of k elements, and stored
// in a form that rows decodes, such as blocks of few bits. They are decoded as
// they are packed, so the result has the bits that F32 gives for B decoded
// beforehand, and no more of B than fits a cache is ever held in float32.
func F32Rows(rows Rows, m, n, k int, alpha float32, a []float32, lda int, beta float32, c []float32, ldc, workers int) {
	checkShape("A", len(a), m, k, lda, false)
	checkShape("C", len(c), m, n, ldc, false)
	if m == 0 || n == 0 {
		return
	}
	if alpha == 0 || k == 0 {
		scale(m, n, beta, c, ldc)
		return
	}
	if l := fullRow(); l.suits(m, n, k, beta) {
		r := l.decodedRow(rows, n, k, alpha, a, beta, c)
		r.rest = func(j int) {
			from := func(dst []float32, i, from int) { rows(dst, j+i, from) }
			F32Rows(from, m, n-j, k, alpha, a, lda, beta, c[j:], ldc, workers)
		}
		r.run(workers)
		return
	}
	t := f32Kit().fit(m)
	p := product[float32]{
		kit: t, m: m, n: n, k: k,
		a: t.operand(a, lda, true), b: t.rows(rows),
		out: t.into(c, ldc, alpha, beta),
	}
	p.run(workers)
}

const (
	rowsAtOnce = 256             // elements of a row that are decoded at a time: a panel of them fits L1
	rowsApart  = rowsAtOnce + 16 // so that rows do not contend for the same lines
)

// rows packs decoded rows, a panel at a time.
func (t *kit[T]) rows(decode func(dst []T, i, from int)) operand[T] {
	return func(dst []T, width, at, n, p0, kc int) {
		buf := borrow[T](width * rowsApart)
		defer buf.giveBack()
		for i := 0; i < n; i += width {
			some := min(width, n-i)
			for p := 0; p < kc; p += rowsAtOnce {
				long := min(rowsAtOnce, kc-p)
				for r := range some {
					decode(buf.x[r*rowsApart:][:long], at+i+r, p0+p)
				}
				t.across(dst[i*kc+p*width:(i*kc+(p+long)*width)], width, buf.x, rowsApart, some, long)
			}
		}
	}
}
