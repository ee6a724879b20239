package gemm

import "unsafe"

// A product of one row reads each weight once: it is bound by memory, and
// packing weights would double its time. rowLoop multiplies them where they
// are, with the sums of the tiles.

// soon is how far ahead memory is asked for: a part of L2.
const soon = 1 << 18

// rowsTogether is how many rows of weights a rowLoop takes.
const rowsTogether = 32

// rowLoop adds the products of rowsTogether rows, ld bytes apart, with x to
// sums: blocks times step elements, one chain over k for each sum. A level
// without one has the zero value.
type rowLoop struct {
	step int
	// Next is rows that are wanted soon, of the same distance.
	run func(sums, x *float32, rows, next *byte, ld, blocks int)
}

// suits says that the loop computes a product of that shape with the bits of
// the tiles.
func (l rowLoop) suits(m, n, k int, beta float32) bool {
	return l.run != nil && m == 1 && n >= rowsTogether && k%l.step == 0 && (beta == 0 || beta == 1)
}

// rowProduct is y = alpha*x*W' + beta*y for one row x and n rows of W.
type rowProduct struct {
	n, k        int
	alpha, beta float32
	x, y        []float32
	// add adds the products over kc elements from p on of the rows from j on.
	add func(sums *[rowsTogether]float32, j, p, kc int)
	// rest computes the outputs from j on, which are fewer than rowsTogether.
	rest func(j int)
}

// run lets workers take some rows each.
func (r rowProduct) run(workers int) {
	const bytes = 1 << 17
	groups := r.n / rowsTogether
	each := max(1, bytes/(2*r.k*rowsTogether))
	tasks := (groups + each - 1) / each
	perform(team(workers, 8*r.n*r.k), phase{tasks, func(task int) {
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
	kc := f32Kit().kc
	for p := 0; p < r.k; p += kc {
		var sums [rowsTogether]float32
		r.add(&sums, j, p, min(kc, r.k-p))
		for i, s := range sums {
			s = float32(r.alpha * s)
			if p > 0 || r.beta != 0 {
				s += y[i]
			}
			y[i] = s
		}
	}
}

// rowOf multiplies stored rows of ld elements of so many bytes.
func (l rowLoop) rowOf(n, k int, alpha float32, x []float32, w []byte, ld, size int, beta float32, y []float32) rowProduct {
	return rowProduct{n: n, k: k, alpha: alpha, beta: beta, x: x, y: y,
		add: func(sums *[rowsTogether]float32, j, p, kc int) {
			at := (j*ld + p) * size
			next := at
			switch {
			case j+2*rowsTogether <= n && rowsTogether*ld*size <= soon:
				next += rowsTogether * ld * size
			case p+2*kc <= k:
				next += kc * size
			}
			l.run(&sums[0], &x[p], &w[at], &w[next], ld*size, kc/l.step)
		}}
}

// decodedRow multiplies rows that are decoded, a block of k at a time.
func (l rowLoop) decodedRow(rows Rows, n, k int, alpha float32, x []float32, beta float32, y []float32) rowProduct {
	return rowProduct{n: n, k: k, alpha: alpha, beta: beta, x: x, y: y,
		add: func(sums *[rowsTogether]float32, j, p, kc int) {
			const apart = 512 + 16 // a block of k, so that what is stored is read in order
			buf := borrow[float32](rowsTogether * apart)
			defer buf.giveBack()
			for i := range rowsTogether {
				rows(buf.x[i*apart:][:kc], j+i, p)
			}
			in := &bytesOf(buf.x)[0]
			l.run(&sums[0], &x[p], in, in, 4*apart, kc/l.step)
		}}
}

// bytesOf views floats as bytes.
func bytesOf(x []float32) []byte { return unsafe.Slice((*byte)(unsafe.Pointer(&x[0])), 4*len(x)) }
