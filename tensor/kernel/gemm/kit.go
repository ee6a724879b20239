package gemm

type float interface{ ~float32 | ~float64 }

// kit is what one CPU level offers for one element type, and the block sizes
// that suit it.
type kit[T float] struct {
	mr, nr int // a tile is mr x nr
	kc     int // steps of k in a block: fixed, as it orders the sum
	mc     int // rows of A packed at a time, a multiple of mr: half of L2
	nc     int // columns of B packed at a time, a multiple of nr
	shared int // elements of packed B that all workers share: half of L3

	tile tile[T]
	// lower are kits whose tiles have fewer rows, the highest first.
	lower []*kit[T]
	// wide says that tile always writes nr columns.
	wide bool
	// gram is tile with a C of doubles; float32 only.
	gram gramTile
	// along packs k rows of n elements, ld apart, into rows of width; across
	// packs n rows of k elements into columns. Both pad with zeros.
	along, across func(dst []T, width int, src []T, ld, n, k int)
}

// tile computes C = alpha*A*B + beta*C for rows x cols of a tile, from an A
// packed mr wide and a B packed nr wide.
type tile[T float] func(kc int, a, b, c *T, ldc int, alpha, beta T, rows, cols int)

type rowTile[T float] struct {
	mr   int
	tile tile[T]
}

// family makes a kit with the first tile, and its lower ones with the others.
func family[T float](t kit[T], tiles ...rowTile[T]) *kit[T] {
	var all []*kit[T]
	for _, r := range tiles {
		k := t
		k.mr, k.tile, k.mc = r.mr, r.tile, t.mc/r.mr*r.mr
		all = append(all, &k)
	}
	all[0].lower = all[1:]
	return all[0]
}

// fit returns the kit with the lowest tile that covers m rows in as few panels
// as the highest.
func (t *kit[T]) fit(m int) *kit[T] {
	panels := (m + t.mr - 1) / t.mr
	best := t
	for _, l := range t.lower {
		if l.mr*panels < m {
			break
		}
		best = l
	}
	return best
}

// operand packs n rows (of A) or columns (of B) from at on, over kc steps of k
// from p0 on, into panels of the given width, one behind the other.
type operand[T float] func(dst []T, width, at, n, p0, kc int)

// operand returns the packing of a matrix; across says that k runs along its
// rows.
func (t *kit[T]) operand(x []T, ld int, across bool) operand[T] {
	if across {
		return func(dst []T, width, at, n, p0, kc int) {
			panelsAcross(t.across, dst, width, x[at*ld+p0:], ld, ld, n, kc)
		}
	}
	return func(dst []T, width, at, n, p0, kc int) {
		panelsAlong(t.along, dst, width, x[p0*ld+at:], ld, 1, n, kc)
	}
}

// output finishes a tile: it multiplies kc steps of packed A and B and adds
// them to rows x cols elements of the result at (i, j). First says that no
// block of k came before.
type output[T float] func(kc int, a, b *T, i, j, rows, cols int, first bool)

// into returns the output that computes C = alpha*A*B + beta*C.
func (t *kit[T]) into(c []T, ldc int, alpha, beta T) output[T] {
	return func(kc int, a, b *T, i, j, rows, cols int, first bool) {
		scale := T(1)
		if first {
			scale = beta
		}
		t.finish(kc, a, b, c[i*ldc+j:], ldc, alpha, scale, rows, cols)
	}
}

// finish runs tile within rows x cols.
func (t *kit[T]) finish(kc int, a, b *T, c []T, ldc int, alpha, beta T, rows, cols int) {
	if t.wide && cols < t.nr {
		t.narrow(kc, a, b, c, ldc, alpha, beta, rows, cols)
		return
	}
	t.tile(kc, a, b, &c[0], ldc, alpha, beta, rows, cols)
}

// narrow runs a tile that writes whole rows on a copy of a part of C.
func (t *kit[T]) narrow(kc int, a, b *T, c []T, ldc int, alpha, beta T, rows, cols int) {
	var buf [8 * 16]T
	for i := range rows {
		copy(buf[i*t.nr:], c[i*ldc:i*ldc+cols])
	}
	t.tile(kc, a, b, &buf[0], t.nr, alpha, beta, rows, cols)
	for i := range rows {
		copy(c[i*ldc:i*ldc+cols], buf[i*t.nr:])
	}
}
