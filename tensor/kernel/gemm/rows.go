package gemm

import (
	"fmt"

	"github.com/rouxml/roux/tensor/kernel/blocks"
)

// F32Blocks is F32 with a B that is transposed, n rows of k elements, and stored
// in blocks of a type, whole ones in each row. They are decoded as they are
// packed, so the result has the bits that F32 gives for B decoded beforehand,
// and no more of B than fits a cache is ever held in float32.
func F32Blocks(d blocks.Decoder, m, n, k int, alpha float32, a []float32, lda int, b []byte, beta float32, c []float32, ldc, workers int) {
	checkShape("A", len(a), m, k, lda, false)
	checkShape("C", len(c), m, n, ldc, false)
	if k%d.Values != 0 || len(b)/d.Bytes < n*(k/d.Values) {
		panic(fmt.Sprintf("gemm: B has %d bytes, and is %d x %d in blocks of %d elements in %d bytes", len(b), n, k, d.Values, d.Bytes))
	}
	if m == 0 || n == 0 {
		return
	}
	if alpha == 0 || k == 0 {
		scale(m, n, beta, c, ldc)
		return
	}
	s := stored{d, k, b}
	if r, ok := s.rowProduct(m, n, alpha, a, beta, c); ok {
		r.rest = func(j int) {
			F32Blocks(d, m, n-j, k, alpha, a, lda, b[s.at(j, 0):], beta, c[j:], ldc, workers)
		}
		r.run(workers)
		return
	}
	t := f32Kit().fit(m)
	p := product[float32]{
		kit: t, m: m, n: n, k: k,
		a: t.operand(a, lda, true), b: t.rows(s.decode),
		out: t.into(c, ldc, alpha, beta),
	}
	p.run(workers)
}

// stored is a matrix in blocks, with rows of k elements.
type stored struct {
	d    blocks.Decoder
	k    int
	data []byte
}

// at is where element p of row i begins, which is the first of a block.
func (s stored) at(i, p int) int { return (i*s.k + p) / s.d.Values * s.d.Bytes }

// decode fills dst with elements of row i from p on, whole blocks.
func (s stored) decode(dst []float32, i, p int) {
	at := s.at(i, p)
	s.d.Decode(dst, s.data[at:at+len(dst)/s.d.Values*s.d.Bytes])
}

const (
	rowsAtOnce = 256             // elements of a row that are decoded at a time: a panel of them fits L1
	rowsApart  = rowsAtOnce + 16 // so that rows do not contend for the same lines
)

// rows packs decoded rows, a panel at a time. Decode takes whole blocks of 256
// elements, unless the row ends.
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
