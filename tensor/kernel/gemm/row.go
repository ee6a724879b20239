package gemm

import (
	"math"
	"unsafe"

	"github.com/rouxml/roux/tensor/kernel/blocks"
)

// A product of one row reads each weight once: it is bound by memory, and
// packing weights would double its time. rowLoop multiplies them where they
// are, with the sums of the tiles.

// rowsTogether is how many rows of weights a rowLoop takes.
const rowsTogether = 32

// rowLoop adds alpha times the products of rowsTogether rows, ld bytes apart,
// with x to y: for each a chain over kc steps of k, then the next. A row has
// whole blocks of so many values in so many bytes. A level without a loop has
// the zero value.
type rowLoop struct {
	bytes, values int
	// Later is where the rows lie that come next.
	run func(y, x *float32, rows, later *byte, ld, blocks int, alpha float32)
}

// suits says that the loop computes a product of that shape with the bits of
// the tiles.
func (l rowLoop) suits(m, n, k int, beta float32) bool {
	return l.run != nil && m == 1 && n >= rowsTogether && k%l.values == 0 && (beta == 0 || beta == 1)
}

// rowProduct is y = alpha*x*W' + beta*y for one row x and n rows of W.
type rowProduct struct {
	n, k        int
	alpha, beta float32
	x, y        []float32
	// add adds the products with rowsTogether rows, from the j-th on, to y,
	// which is theirs.
	add func(y []float32, j int)
	// rest computes the outputs from j on, which are fewer than rowsTogether.
	rest func(j int)
}

// run lets workers take some rows each: a few tasks, since each begins with rows
// that nobody asked for.
func (r rowProduct) run(workers int) {
	const most = 1 << 20 // weights in a task
	workers = team(workers, 8*r.n*r.k)
	groups := r.n / rowsTogether
	each := min((groups+2*workers-1)/(2*workers), max(1, most/(r.k*rowsTogether)))
	tasks := (groups + each - 1) / each
	perform(workers, phase{tasks, func(task int) {
		for g := task * each; g < min((task+1)*each, groups); g++ {
			r.group(g * rowsTogether)
		}
	}})
	if r.n%rowsTogether != 0 {
		r.rest(groups * rowsTogether)
	}
}

// group computes the outputs of the rows from j on.
func (r rowProduct) group(j int) {
	y := r.y[j : j+rowsTogether]
	if r.beta == 0 {
		none := float32(math.Copysign(0, -1)) // which leaves even zeros as they are
		for i := range y {
			y[i] = none
		}
	}
	r.add(y, j)
}

// rowOf multiplies stored rows, ld bytes apart.
func (l rowLoop) rowOf(n, k int, alpha float32, x []float32, w []byte, ld int, beta float32, y []float32) rowProduct {
	return rowProduct{n: n, k: k, alpha: alpha, beta: beta, x: x, y: y, add: func(y []float32, j int) {
		later := j
		if j+2*rowsTogether <= n {
			later += rowsTogether
		}
		l.run(&y[0], &x[0], &w[j*ld], &w[later*ld], ld, k/l.values, alpha)
	}}
}

// decodedRow multiplies rows that are decoded, a block of k at a time.
func (l rowLoop) decodedRow(b stored, n, k int, alpha float32, x []float32, beta float32, y []float32) rowProduct {
	return rowProduct{n: n, k: k, alpha: alpha, beta: beta, x: x, y: y, add: func(y []float32, j int) {
		const step, apart = 512, 512 + 16 // so that rows do not contend for the same lines
		buf := borrow[float32](rowsTogether * apart)
		defer buf.giveBack()
		in := &bytesOf(buf.x)[0]
		for p := 0; p < k; p += step {
			kc := min(step, k-p)
			for i := range rowsTogether {
				b.decode(buf.x[i*apart:][:kc], j+i, p)
			}
			l.run(&y[0], &x[p], in, in, 4*apart, kc/l.values, alpha)
		}
	}}
}

// rowProduct is the product of one row with stored blocks, if there is a loop
// that suits it.
func (b stored) rowProduct(m, n int, alpha float32, x []float32, beta float32, y []float32) (rowProduct, bool) {
	if l := blockRow(b.d); l.suits(m, n, b.k, beta) {
		return l.rowOf(n, b.k, alpha, x, b.data, b.k/l.values*l.bytes, beta, y), true
	}
	if l := fullRow(); l.suits(m, n, b.k, beta) {
		return l.decodedRow(b, n, b.k, alpha, x, beta, y), true
	}
	return rowProduct{}, false
}

// bytesOf views floats as bytes.
func bytesOf(x []float32) []byte { return unsafe.Slice((*byte)(unsafe.Pointer(&x[0])), 4*len(x)) }

// blockRow is the loop for a type of blocks.
func blockRow(d blocks.Decoder) rowLoop { return rowLoops()[d.Name] }

func fullRow() rowLoop { return rowLoops()["F32"] }

func halfRow(f Format) rowLoop {
	if f == BF16 {
		return rowLoops()["BF16"]
	}
	return rowLoops()["F16"]
}
