package gemm

// stream computes a product of few rows: it packs A for all workers, then each
// takes columns, packing a panel of B that is used at once and only once.
func (p *product[T]) stream(workers int) {
	t := p.kit
	rows := roundUp(p.m, t.mr)
	ks := min(max(t.shared/rows/t.kc, 1)*t.kc, p.k)
	packed := borrow[T](rows * ks)
	defer packed.giveBack()
	var phases []phase
	for p0 := 0; p0 < p.k; p0 += ks {
		s := stretch[T]{product: p, p0: p0, k: min(ks, p.k-p0), rows: rows, a: packed.x}
		phases = append(phases, s.pack(), s.multiply(workers))
	}
	perform(workers, phases...)
}

// stretch is a stretch of k.
type stretch[T float] struct {
	*product[T]
	p0, k int
	rows  int // m, rounded up to whole panels
	a     []T // packed: for each block of k, for each panel, kc columns of mr
}

// pack fills a.
func (s stretch[T]) pack() phase {
	t := s.kit
	blocks := (s.k + t.kc - 1) / t.kc
	return phase{s.rows / t.mr * blocks, func(task int) {
		i, p := task/blocks*t.mr, task%blocks*t.kc
		kc := min(t.kc, s.k-p)
		at := p*s.rows + i*kc
		s.product.a(s.a[at:at+kc*t.mr], t.mr, i, min(t.mr, s.m-i), s.p0+p, kc)
	}}
}

// streamGroup is how many panels of B are packed at a time: a part of L2.
const streamGroup = 4

// multiply lets workers take slices of columns.
func (s stretch[T]) multiply(workers int) phase {
	t := s.kit
	group := streamGroup * t.nr
	width := roundUp(s.n, t.nr)
	if workers > 1 {
		width = min(width, max(roundUp((s.n+workers*tasksEach-1)/(workers*tasksEach), t.nr), group))
	}
	return phase{(s.n + width - 1) / width, func(task int) {
		b := borrow[T](min(t.kc, s.k) * group)
		defer b.giveBack()
		end := min((task+1)*width, s.n)
		for p := 0; p < s.k; p += t.kc {
			for j := task * width; j < end; j += group {
				s.panels(b.x, j, min(group, end-j), p, min(t.kc, s.k-p))
			}
		}
	}}
}

// panels packs n columns of B and multiplies all of A with them.
func (s *stretch[T]) panels(b []T, j0, n, p, kc int) {
	t := s.kit
	s.b(b, t.nr, j0, n, s.p0+p, kc)
	for j := 0; j < n; j += t.nr {
		for i := 0; i < s.m; i += t.mr {
			s.out(kc, &s.a[p*s.rows+i*kc], &b[j*kc], i, j0+j, min(t.mr, s.m-i), min(t.nr, n-j), s.p0+p == 0)
		}
	}
}
