package nn

import (
	"fmt"

	"github.com/rouxml/roux/tensor/kernel"
)

// block is one layer's weights.
type block struct {
	layer
	attention attention
	ffn       *ffn // nil: experts
	moe       *moe
}

// loadBlock reads the weights of layer i into r's memory.
func (m *Model) loadBlock(r *reader, i int) (*block, error) {
	a := m.arch
	p := &part{reader: r, names: m.names, f: a.form, i: i}
	r.err = nil
	b := &block{layer: a.layers[i], attention: p.attention(a)}
	if b.moe = p.moe(a, b.layer); b.moe == nil {
		b.ffn = p.ffn(a)
	}
	if r.err != nil {
		return nil, fmt.Errorf("layer %d: %w", i, r.err)
	}
	return b, nil
}

// attention is the weights of an attention branch. The rows of a projection
// hold queries, keys and values; head h of the queries begins at h*step, and
// those of keys and values at keys+h*step and values+h*step.
type attention struct {
	norm, post     *norm
	q, k, v, qkv   *matrix // either the first three or the last
	o              *matrix
	qNorm, kNorm   []*norm // one for each head, one for all, or none
	wholeRow       bool    // that normalise all heads as one
	keys, values   int
	step, rowWidth int
}

func (p *part) attention(a *Arch) attention {
	f := &p.f.Attention
	q, kv, d := a.Heads*a.HeadDim, a.KVHeads*a.HeadDim, a.HeadDim
	t := attention{norm: p.norm(a, f.Norm, a.Hidden), post: p.norm(a, f.Post, a.Hidden), keys: q, values: q + kv, step: d, rowWidth: q + 2*kv}
	t.q, t.k, t.v = p.linear(f.Q, a.Hidden, q, a.bias), p.linear(f.K, a.Hidden, kv, a.bias), p.linear(f.V, a.Hidden, kv, a.bias)
	t.qkv = p.linear(f.QKV, a.Hidden, q+2*kv, a.bias)
	t.o = p.linear(f.O, q, a.Hidden, a.outBias)
	if f.QKVByHead {
		t.keys, t.values, t.step = d, 2*d, 3*d
	}
	if a.qkNorm {
		t.qNorm, t.kNorm = p.headNorms(a, f.QNorm, a.Heads), p.headNorms(a, f.KNorm, a.KVHeads)
		t.wholeRow = f.QKNorm == "row"
	}
	return t
}

// project computes queries, keys and values of n rows of x.
func (t *attention) project(n int, x []float32, ldx int, y []float32, workers int) {
	if t.qkv != nil {
		t.qkv.to(n, x, ldx, y, t.rowWidth, workers)
		return
	}
	together(n, x, ldx, t.rowWidth, workers, output{t.q, y}, output{t.k, y[t.keys:]}, output{t.v, y[t.values:]})
}

// ffn is the weights of a feed-forward branch; without a gate it is plain.
type ffn struct {
	norm, post             *norm
	gate, up, gateUp, down *matrix
	act                    activation
	width                  int
}

func (p *part) ffn(a *Arch) *ffn {
	f := &p.f.FFN
	n := a.denseFFN
	t := &ffn{act: a.act, width: n}
	t.norm, t.post = p.ffnNorms(a)
	t.gate, t.up = p.linear(f.Gate, a.Hidden, n, a.ffnBias), p.linear(f.Up, a.Hidden, n, a.ffnBias)
	t.gateUp = p.linear(f.GateUp, a.Hidden, 2*n, a.ffnBias)
	t.down = p.linear(f.Down, n, a.Hidden, a.ffnBias)
	return t
}

func (p *part) ffnNorms(a *Arch) (before, after *norm) {
	if !a.parallel || !p.f.ShareNorm {
		before = p.norm(a, p.f.FFN.Norm, a.Hidden)
	}
	return before, p.norm(a, p.f.FFN.Post, a.Hidden)
}

// gated says that a row of the inner activations has a gate before it.
func (t *ffn) gated() bool { return t.gate != nil || t.gateUp != nil }

// inner is the width of a row of inner.
func (t *ffn) inner() int {
	if t.gated() {
		return 2 * t.width
	}
	return t.width
}

// rise computes the inner activations of n rows: y has t.inner() columns, the
// first t.width of which are what down takes.
func (t *ffn) rise(n int, x []float32, ldx int, y []float32, workers int) {
	ld := t.inner()
	switch {
	case t.gateUp != nil:
		t.gateUp.to(n, x, ldx, y, ld, workers)
	case t.gate != nil:
		together(n, x, ldx, ld, workers, output{t.gate, y}, output{t.up, y[t.width:]})
	default:
		t.up.to(n, x, ldx, y, ld, workers)
	}
	split(workers, n, rowsEach(ld), func(from, to int) {
		for i := from; i < to; i++ {
			row := y[i*ld : (i+1)*ld]
			t.act(row[:t.width])
			if t.gated() {
				kernel.Mul(row[:t.width], row[t.width:])
			}
		}
	})
}

// headNorms reads the norms of queries or keys, of so many heads.
func (p *part) headNorms(a *Arch, name string, heads int) []*norm {
	one := func(name string, n int) *norm {
		v := &norm{eps: a.eps, layer: p.f.Norm.Kind == "layer", gain: p.gain(name, n)}
		if v.layer {
			v.bias = make([]float32, n)
		}
		return v
	}
	switch p.f.Attention.QKNorm {
	case "row":
		return []*norm{one(name, heads*a.HeadDim)}
	case "heads":
		all := make([]*norm, heads)
		for h := range all {
			all[h] = one(headName(name, h), a.HeadDim)
		}
		return all
	}
	return []*norm{one(name, a.HeadDim)}
}
