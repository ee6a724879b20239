package nn

import "github.com/rouxml/roux/tensor/kernel"

// mix adds the experts' branch of in to x: each row's experts are added in
// ascending order of their number.
func (r *runner) mix(x, in []float32, g group) error {
	t, h, n := r.block.moe, r.arch.Hidden, g.n
	if err := r.observe("moe.in", g, in, h, h, t.router); err != nil {
		return err
	}
	rows, err := r.routes(in, g)
	if err != nil {
		return err
	}
	grow(&r.buf.tmp, n*h)
	clear(r.buf.tmp)
	for e := range t.experts {
		if len(rows[e]) == 0 {
			continue
		}
		if err := r.expert(e, rows[e], in); err != nil {
			return err
		}
	}
	r.addNormed(x, n, t.post, r.factor(1))
	if !r.arch.pre {
		t.norm.rows(x, h, x, h, n, r.options.Workers)
	}
	return nil
}

// routed is a row that goes to an expert.
type routed struct {
	row    int
	weight float32
}

// routes sorts the rows of a group by expert.
func (r *runner) routes(in []float32, g group) ([][]routed, error) {
	t, h := r.block.moe, r.arch.Hidden
	n := len(t.experts)
	logits := make([]float32, g.n*n)
	t.router.to(g.n, in, h, logits, n, r.options.Workers)
	if r.hooks.Router != nil {
		if err := r.hooks.Router(Rows{Layer: r.number, First: g.row, N: g.n, Cols: n, Step: n, X: logits}); err != nil {
			return nil, err
		}
	}
	chosen := make([]route, g.n*t.active)
	split(r.options.Workers, g.n, 64, func(from, to int) {
		for i := from; i < to; i++ {
			t.choose(logits[i*n:(i+1)*n], chosen[i*t.active:i*t.active:(i+1)*t.active])
		}
	})
	rows := make([][]routed, n)
	for i, c := range chosen {
		rows[c.expert] = append(rows[c.expert], routed{i / t.active, c.weight})
	}
	return rows, nil
}

// expert adds one expert's part of its rows to tmp.
func (r *runner) expert(e int, rows []routed, in []float32) error {
	t, h := r.block.moe.experts[e], r.arch.Hidden
	ld := t.inner()
	for len(rows) > 0 {
		some := rows[:min(ffnRows, len(rows))]
		rows = rows[len(some):]
		x := make([]float32, len(some)*h)
		for i, c := range some {
			copy(x[i*h:(i+1)*h], in[c.row*h:(c.row+1)*h])
		}
		if err := r.observeExpert("expert.in", e, some, x, h, h, t.gate, t.up, t.gateUp); err != nil {
			return err
		}
		grow(&r.buf.inner, len(some)*ld)
		t.rise(len(some), x, h, r.buf.inner, r.options.Workers)
		if err := r.observeExpert("expert.mid", e, some, r.buf.inner, t.width, ld, t.down); err != nil {
			return err
		}
		t.down.to(len(some), r.buf.inner, ld, x, h, r.options.Workers)
		for i, c := range some {
			kernel.Axpy(r.buf.tmp[c.row*h:(c.row+1)*h], c.weight, x[i*h:(i+1)*h])
		}
	}
	return nil
}

func (r *runner) observeExpert(name string, e int, rows []routed, x []float32, cols, step int, weights ...*matrix) error {
	hook := r.hooks.Input
	if hook == nil {
		return nil
	}
	inner := *r
	inner.hooks.Input = func(in Input) error {
		in.Expert, in.Routes = e, make([]float32, len(rows))
		for i, c := range rows {
			in.Routes[i] = c.weight
		}
		return hook(in)
	}
	return inner.observe(name, group{row: -1, n: len(rows)}, x, cols, step, weights...)
}
