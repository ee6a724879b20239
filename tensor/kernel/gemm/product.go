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

// run computes the product: a strip of columns and a stretch of k at a time, it
// packs B for all workers, then lets each take blocks of rows.
func (p *product[T]) run(workers int) {
	workers = team(workers, p.m*p.n/64*p.k/16, p.m*p.n)
	t := p.kit
	nc := min(t.nc, roundUp(p.n, t.nr))
	ks := min(max(t.shared/nc/t.kc, 1)*t.kc, p.k)
	packed := borrow[T](nc * ks)
	defer packed.giveBack()
	mc := p.blockRows(workers)
	for j0 := 0; j0 < p.n; j0 += nc {
		for p0 := 0; p0 < p.k; p0 += ks {
			s := strip[T]{product: p, j0: j0, n: min(nc, p.n-j0), p0: p0, k: min(ks, p.k-p0), b: packed.x}
			s.pack(workers)
			s.multiply(workers, mc)
		}
	}
}

// blockRows is how many rows of A one task packs: no more than suit the
// cache, and an even share of the rows for every worker.
func (p *product[T]) blockRows(workers int) int {
	rounds := (p.m + p.kit.mc*workers - 1) / (p.kit.mc * workers)
	return roundUp((p.m+rounds*workers-1)/(rounds*workers), p.kit.mr)
}

// strip is a strip of columns of C and a stretch of k.
type strip[T float] struct {
	*product[T]
	j0, n, p0, k int
	b            []T // packed: for each block of k, for each panel, kc rows of nr
}

// pack fills b.
func (s *strip[T]) pack(workers int) {
	t := s.kit
	panels := (s.n + t.nr - 1) / t.nr
	blocks := (s.k + t.kc - 1) / t.kc
	each(workers, panels*blocks, func(task int) {
		j, p := task/blocks*t.nr, task%blocks*t.kc
		kc := min(t.kc, s.k-p)
		s.product.b(s.panel(j, p, kc), t.nr, s.j0+j, min(t.nr, s.n-j), s.p0+p, kc)
	})
}

// panel is the packed panel of columns from j on, in the block of k from p on.
func (s *strip[T]) panel(j, p, kc int) []T {
	at := p*roundUp(s.n, s.kit.nr) + j*kc
	return s.b[at : at+kc*s.kit.nr]
}

// multiply lets workers take blocks of mc rows.
func (s *strip[T]) multiply(workers, mc int) {
	each(workers, (s.m+mc-1)/mc, func(task int) {
		a := borrow[T](mc*min(s.k, s.kit.kc) + cacheLine)
		defer a.giveBack()
		i0 := task * mc
		rows := min(mc, s.m-i0)
		for p := 0; p < s.k; p += s.kit.kc {
			kc := min(s.kit.kc, s.k-p)
			s.packA(a.x, i0, rows, p, kc)
			s.block(a.x, i0, rows, p, kc)
		}
	})
}

func (s *strip[T]) packA(dst []T, i0, rows, p, kc int) {
	mr := s.kit.mr
	for i := 0; i < rows; i += mr {
		s.a(dst[i*kc:(i+mr)*kc], mr, i0+i, min(mr, rows-i), s.p0+p, kc)
	}
}

// block multiplies a packed block of A with all panels of the strip.
func (s *strip[T]) block(a []T, i0, rows, p, kc int) {
	mr, nr := s.kit.mr, s.kit.nr
	first := s.p0+p == 0
	for j := 0; j < s.n; j += nr {
		b := &s.panel(j, p, kc)[0]
		cols := min(nr, s.n-j)
		for i := 0; i < rows; i += mr {
			if s.below && i0+i+mr <= s.j0+j {
				continue
			}
			s.out(kc, &a[i*kc], b, i0+i, s.j0+j, min(mr, rows-i), cols, first)
		}
	}
}
