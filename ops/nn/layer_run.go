package nn

import "github.com/rouxml/roux/tensor/kernel"

// buffers are what a group needs within a block.
type buffers struct {
	in, in2, tmp  []float32 // rows of the hidden size
	qkv, attended []float32
	inner         []float32
}

// ffnRows is how many rows of inner activations exist at a time.
const ffnRows = 512

// run takes a group through the block; x is its hidden states.
func (r *runner) run(x []float32, g group) error {
	a, b := r.arch, r.block
	h := a.Hidden
	grow(&r.buf.in, g.n*h)
	in := x
	if b.attention.norm != nil && a.pre {
		in = r.buf.in
		b.attention.norm.rows(in, h, x, h, g.n, r.options.Workers)
	}
	second := in
	if a.parallel && !a.form.ShareNorm {
		grow(&r.buf.in2, g.n*h)
		second = r.buf.in2
		r.ffnNorm().rows(second, h, x, h, g.n, r.options.Workers)
	}
	if err := r.attend(x, in, g); err != nil {
		return err
	}
	if !a.parallel {
		second = r.secondInput(x, g.n)
	}
	return r.feed(x, second, g)
}

func (r *runner) ffnNorm() *norm {
	if r.block.moe != nil {
		return r.block.moe.norm
	}
	return r.block.ffn.norm
}

// secondInput is what the feed-forward branch takes where it comes second.
func (r *runner) secondInput(x []float32, n int) []float32 {
	v := r.ffnNorm()
	if v == nil || !r.arch.pre {
		return x
	}
	v.rows(r.buf.in, r.arch.Hidden, x, r.arch.Hidden, n, r.options.Workers)
	return r.buf.in
}

// attend adds the attention of in to x.
func (r *runner) attend(x, in []float32, g group) error {
	t := &r.block.attention
	h, width := r.arch.Hidden, r.arch.Heads*r.arch.HeadDim
	if err := r.observe("attn.in", g, in, h, h, t.q, t.k, t.v, t.qkv); err != nil {
		return err
	}
	grow(&r.buf.qkv, g.n*t.rowWidth)
	grow(&r.buf.attended, g.n*width)
	t.project(g.n, in, h, r.buf.qkv, r.options.Workers)
	r.turn(g)
	r.attention(g)
	if err := r.observe("attn.out", g, r.buf.attended, width, width, t.o); err != nil {
		return err
	}
	r.add(x, t.o, r.buf.attended, width, g.n, t.post, 0)
	if !r.arch.pre {
		t.norm.rows(x, h, x, h, g.n, r.options.Workers)
	}
	return nil
}

// feed adds the feed-forward branch of in to x.
func (r *runner) feed(x, in []float32, g group) error {
	if r.block.moe != nil {
		return r.mix(x, in, g)
	}
	t, h := r.block.ffn, r.arch.Hidden
	ld := t.inner()
	for at := 0; at < g.n; at += ffnRows {
		some := group{row: g.row + at, n: min(ffnRows, g.n-at)}
		from := in[at*h : (at+some.n)*h]
		if err := r.observe("ffn.in", some, from, h, h, t.gate, t.up, t.gateUp); err != nil {
			return err
		}
		grow(&r.buf.inner, some.n*ld)
		t.rise(some.n, from, h, r.buf.inner, r.options.Workers)
		if err := r.observe("ffn.mid", some, r.buf.inner, t.width, ld, t.down); err != nil {
			return err
		}
		r.add(x[at*h:(at+some.n)*h], t.down, r.buf.inner, ld, some.n, t.post, 1)
	}
	if !r.arch.pre {
		t.norm.rows(x, h, x, h, g.n, r.options.Workers)
	}
	return nil
}

// add adds a branch's last product to x, behind its norm if there is one.
func (r *runner) add(x []float32, w *matrix, from []float32, ld, n int, post *norm, branch int) {
	h, factor := r.arch.Hidden, r.factor(branch)
	if post == nil {
		if w.bias != nil {
			for i := range n {
				kernel.Axpy(x[i*h:(i+1)*h], factor, w.bias)
			}
		}
		w.apply(n, from, ld, x, h, factor, 1, r.options.Workers)
		return
	}
	grow(&r.buf.tmp, n*h)
	w.to(n, from, ld, r.buf.tmp, h, r.options.Workers)
	r.addNormed(x, n, post, factor)
}

// addNormed adds what is in tmp to x.
func (r *runner) addNormed(x []float32, n int, post *norm, factor float32) {
	h, tmp := r.arch.Hidden, r.buf.tmp
	split(r.options.Workers, n, rowsEach(h), func(from, to int) {
		for i := from; i < to; i++ {
			row := tmp[i*h : (i+1)*h]
			if post != nil {
				post.one(row, row)
			}
			kernel.Axpy(x[i*h:(i+1)*h], factor, row)
		}
	})
}

// factor is what a branch is multiplied by.
func (r *runner) factor(branch int) float32 {
	if r.hooks.Branch == nil {
		return r.arch.residual
	}
	return r.arch.residual * r.hooks.Branch(r.number, branch)
}

// observe shows the input of some weights to the hook.
func (r *runner) observe(name string, g group, x []float32, cols, step int, weights ...*matrix) error {
	if r.hooks.Input == nil {
		return nil
	}
	var named []string
	for _, w := range weights {
		if w != nil {
			named = append(named, w.name)
		}
	}
	return r.hooks.Input(Input{Rows: Rows{Layer: r.number, First: g.row, N: g.n, Cols: cols, Step: step, X: x}, Name: name, Weights: named, Expert: -1})
}
