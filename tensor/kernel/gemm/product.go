package gemm

// product is one multiplication, whatever its operands and its result are
// made of.
type product[T float] struct {
	kit     *kit[T]
	m, n, k int
	a, b    operand[T]
	out     output[T]
	// below skips tiles wholly above the diagonal.
	below bool
}

// run computes the product. Few rows go by streamed panels of B, many by
// strips.
func (p *product[T]) run(workers int) {
	workers = team(workers, p.m*p.n*p.k)
	if p.m <= p.kit.mc && !p.below {
		p.stream(workers)
		return
	}
	p.strips(workers)
}

// strips computes the product: a strip of columns and a stretch of k at a time, it
// packs B for all workers, then lets each take blocks of rows.
func (p *product[T]) strips(workers int) {
	t := p.kit
	nc := min(t.nc, roundUp(p.n, t.nr))
	ks := min(max(t.shared/nc/t.kc, 1)*t.kc, p.k)
	packed := borrow[T](nc * ks)
	defer packed.giveBack()
	var phases []phase
	for j0 := 0; j0 < p.n; j0 += nc {
		for p0 := 0; p0 < p.k; p0 += ks {
			s := strip[T]{product: p, j0: j0, n: min(nc, p.n-j0), p0: p0, k: min(ks, p.k-p0), b: packed.x}
			phases = append(phases, s.pack(), s.multiply(workers))
		}
	}
	perform(workers, phases...)
}

// strip is a strip of columns of C and a stretch of k.
type strip[T float] struct {
	*product[T]
	j0, n, p0, k int
	b            []T // packed: for each block of k, for each panel, kc rows of nr
}

// packGroup is how many panels of B are packed at a time: they share lines and
// pages of a B that runs along them.
const packGroup = 8

// pack fills b.
func (s strip[T]) pack() phase {
	t := s.kit
	width := packGroup * t.nr
	groups := (s.n + width - 1) / width
	blocks := (s.k + t.kc - 1) / t.kc
	return phase{groups * blocks, func(task int) {
		j, p := task/blocks*width, task%blocks*t.kc
		kc := min(t.kc, s.k-p)
		s.product.b(s.packed(j, p, kc), t.nr, s.j0+j, min(width, s.n-j), s.p0+p, kc)
	}}
}

// packed starts with the panel of columns from j on, in the block of k from p
// on.
func (s *strip[T]) packed(j, p, kc int) []T {
	return s.b[p*roundUp(s.n, s.kit.nr)+j*kc:]
}

// tasksEach is how many tasks a worker should find: enough to even out
// goroutines that start late or share their core.
const tasksEach = 4

// multiply cuts the strip into blocks of rows and, when those are too few,
// into slices of columns.
func (s strip[T]) multiply(workers int) phase {
	t := s.kit
	mc := s.blockRows(workers)
	blocks := (s.m + mc - 1) / mc
	slices := 1
	if workers > 1 {
		slices = max(1, min((tasksEach*workers+blocks-1)/blocks, s.n/1024))
	}
	width := roundUp((s.n+slices-1)/slices, t.nr)
	slices = (s.n + width - 1) / width
	return phase{blocks * slices, func(task int) {
		// From the last rows up: in a triangle they are the longest.
		i0, j := (blocks-1-task/slices)*mc, task%slices*width
		rows, cols := min(mc, s.m-i0), min(width, s.n-j)
		if s.below {
			cols = min(cols, i0+rows-s.j0-j)
		}
		if cols <= 0 {
			return
		}
		a := borrow[T](mc * min(s.k, t.kc))
		defer a.giveBack()
		for p := 0; p < s.k; p += t.kc {
			kc := min(t.kc, s.k-p)
			s.a(a.x, t.mr, i0, rows, s.p0+p, kc)
			s.block(a.x, i0, rows, j, cols, p, kc)
		}
	}}
}

// blockRows is how many rows of A one task packs: an even share of the rows,
// no more than suit the cache, and fewer for more tasks.
func (s *strip[T]) blockRows(workers int) int {
	t := s.kit
	blocks := (s.m + t.mc - 1) / t.mc
	if workers > 1 {
		blocks = max(roundUp(blocks, workers), min(tasksEach*workers, s.m/(8*t.mr)))
	}
	return roundUp((s.m+blocks-1)/max(blocks, 1), t.mr)
}

// block multiplies a packed block of A with the panels of cols columns.
func (s *strip[T]) block(a []T, i0, rows, j0, n, p, kc int) {
	mr, nr := s.kit.mr, s.kit.nr
	first := s.p0+p == 0
	for j := j0; j < j0+n; j += nr {
		b := &s.packed(j, p, kc)[0]
		cols := min(nr, s.n-j)
		for i := 0; i < rows; i += mr {
			if s.below && i0+i+mr <= s.j0+j {
				continue
			}
			s.out(kc, &a[i*kc], b, i0+i, s.j0+j, min(mr, rows-i), cols, first)
		}
	}
}
