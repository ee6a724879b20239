package tokenizer

import (
	"context"
	"slices"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/tensor/kernel"
)

// batch is how many rows are made at once: products with all shared tokens are
// products of matrices then.
const batch = 128

// transplantMemory counts the shared tokens' rows and the products with them.
func transplantMemory(p *transplant, x *ops.Pass) int64 {
	if len(x.In) < 2 {
		return 8 * int64(x.In[0].Shape.Cols())
	}
	g := graftOf(x.Unit.Args)
	cols, n := int64(x.In[1].Shape.Cols()), int64(len(g.shared))
	return 4*cols*n + batch*(4*n+8*cols*int64(p.K+4)+8*int64(p.K*p.K))
}

func transplantRun(ctx context.Context, p *transplant, x *ops.Pass, in, out []ops.Matrix) error {
	g := graftOf(x.Unit.Args)
	t := &tableMaker{p: p, graft: g, model: in[0].Data, out: out[0].Data, width: width(x)}
	var todo []int
	for row, from := range g.rows {
		switch from {
		case nothing:
			clear(t.row(row))
		case made:
			todo = append(todo, row)
		default:
			copy(t.row(row), t.old(from))
		}
	}
	if todo == nil {
		return nil
	}
	switch p.Method {
	case "zero":
		for _, row := range todo {
			clear(t.row(row))
		}
	case "mean":
		t.mean(todo)
	case "subword":
		t.subword(todo, g.head == 1)
	default:
		return t.combine(ctx, todo, in[1])
	}
	return nil
}

// tableMaker fills one table.
type tableMaker struct {
	p *transplant
	graft
	model, out []float32
	width      int
}

func (t *tableMaker) row(i int) []float32 { return t.out[i*t.width : (i+1)*t.width] }
func (t *tableMaker) old(i int) []float32 { return t.model[i*t.width : (i+1)*t.width] }

// mean gives rows the mean of all that the model has.
func (t *tableMaker) mean(todo []int) {
	sums, n := make([]float64, t.width), len(t.model)/t.width
	for i := range n {
		for j, v := range t.old(i) {
			sums[j] += float64(v)
		}
	}
	for _, row := range todo {
		for j := range sums {
			t.row(row)[j] = float32(sums[j] / float64(n))
		}
	}
}

// subword joins the rows of each token's pieces. For a head the first piece
// counts most, for an embedding the last: there the token's rest is known.
func (t *tableMaker) subword(todo []int, head bool) {
	for i, row := range todo {
		pieces, out := t.pieces[i], t.row(row)
		clear(out)
		if len(pieces) == 0 {
			continue
		}
		weights, total := t.p.pieceWeights(len(pieces), head)
		for k, piece := range pieces {
			kernel.Axpy(out, weights[k], t.old(piece))
		}
		for j := range out {
			out[j] /= total
		}
	}
}

// pieceWeights are the weights of n pieces and what their sum is divided by.
func (p *transplant) pieceWeights(n int, head bool) (w []float32, total float32) {
	w, total = slices.Repeat([]float32{1}, n), float32(n)
	switch p.Pieces {
	case "sum":
		total = 1
	case "weighted_mean":
		total = float32(n * (n + 1) / 2)
		for i := range w {
			w[i] = float32(i + 1)
		}
		if head {
			slices.Reverse(w)
		}
	case "first_last":
		clear(w)
		total = 1
		w[n-1] = 1
		if head {
			w[0], w[n-1] = 1, 0
			if n == 1 {
				w[0] = 1
			}
		}
	}
	return w, total
}
