package merge

import (
	"context"
	"math"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/tensor/kernel"
)

// vectors is how methods that work with angles see a tensor: each model is one
// vector, or with a base each model less the base, which is operand 0. Every
// such method comes down to one coefficient for each vector, and these follow
// from the products of all pairs, so that no tensor need be seen whole.
type vectors struct {
	base   bool
	models int
}

func (v vectors) operand(model int) int {
	if v.base {
		return model + 1
	}
	return model
}

// of returns the block's part of each vector.
func (v vectors) of(b *ops.Block) [][]float32 {
	xs := make([][]float32, v.models)
	for i := range xs {
		if v.base {
			xs[i] = b.Sub(v.operand(i), 0)
		} else {
			xs[i] = b.X(i)
		}
	}
	return xs
}

// stored returns the models as they are stored, where all of them and the base
// are bfloat16, and nil elsewhere.
func (v vectors) stored(b *ops.Block) [][]byte {
	models := make([][]byte, v.models)
	for i := range models {
		models[i] = b.In[v.operand(i)].BF16
		if models[i] == nil {
			return nil
		}
	}
	if v.base && b.In[0].BF16 == nil {
		return nil
	}
	return models
}

// gram holds the products of all pairs of vectors, row by row.
type gram struct {
	n       int
	product []float64
}

// gramOf makes one of the products of pairs; a vector alone is a pair with
// itself.
func gramOf(n int, pair func(i, j int) kernel.Products) gram {
	g := gram{n, make([]float64, n*n)}
	if n == 1 {
		g.product[0] = pair(0, 0).AA
	}
	for i := range n {
		for j := range i {
			p := pair(i, j)
			g.product[i*n+i], g.product[j*n+j] = p.AA, p.BB
			g.product[i*n+j], g.product[j*n+i] = p.AB, p.AB
		}
	}
	return g
}

func gramOfFloats(xs [][]float32) gram {
	return gramOf(len(xs), func(i, j int) kernel.Products { return kernel.Dots(xs[i], xs[j]) })
}

// gramOf is the products of a block's part of the vectors.
func (v vectors) gramOf(b *ops.Block) gram {
	stored := v.stored(b)
	switch {
	case stored == nil:
		return gramOfFloats(v.of(b))
	case v.base:
		return gramOf(v.models, func(i, j int) kernel.Products {
			return kernel.DotsLessBF16(stored[i], stored[j], b.In[0].BF16)
		})
	}
	return gramOf(v.models, func(i, j int) kernel.Products { return kernel.DotsBF16(stored[i], stored[j]) })
}

func (g gram) at(i, j int) float64 { return g.product[i*g.n+j] }

func (g gram) norm(i int) float64 { return math.Sqrt(g.at(i, i)) }

// length is that of the vector with these coefficients.
func (g gram) length(c []float64) float64 { return math.Sqrt(max(g.dot(c, c), 0)) }

// dot is the product of two vectors that are given by coefficients.
func (g gram) dot(a, b []float64) float64 {
	var sum float64
	for i, x := range a {
		for j, y := range b {
			sum += float64(float64(x*y) * g.at(i, j))
		}
	}
	return sum
}

// gram adds up the products over the whole tensor, block by block in order.
func (v vectors) gram(ctx context.Context, scan ops.Scan) (gram, error) {
	parts := make([]gram, scan.Blocks)
	err := scan.Each(ctx, func(b *ops.Block) error {
		parts[b.Index] = v.gramOf(b)
		return nil
	})
	all := gram{v.models, make([]float64, v.models*v.models)}
	for _, p := range parts {
		for i, x := range p.product {
			all.product[i] += x
		}
	}
	return all, err
}

// combine fills the output with the sum of the vectors times coefficients, on
// top of the base if there is one.
func (v vectors) combine(b *ops.Block, coefs []float64) {
	s := sum{out: b.Out, model: func(i int) []float32 { return b.X(v.operand(i)) }}
	if v.base {
		s.base, s.delta, s.raw = func() []float32 { return b.X(0) }, func(i int) []float32 { return b.Sub(i+1, 0) }, b.In
	}
	s.fill(coefs)
}

// combineRows combines every row by coefficients of its own, which follow from
// the products within the row.
func (v vectors) combineRows(b *ops.Block, coefs func(gram) []float64) {
	xs, deltas := make([][]float32, v.models), make([][]float32, v.models)
	for i := range xs {
		xs[i] = b.X(v.operand(i))
		if v.base {
			deltas[i] = b.Scratch(len(b.Out))
			kernel.Sub(deltas[i], xs[i], b.X(0))
		}
	}
	for at := 0; at < len(b.Out); at += b.Cols {
		s := sum{out: b.Out[at : at+b.Cols], model: func(i int) []float32 { return xs[i][at : at+b.Cols] }}
		seen := s.model
		if v.base {
			s.base, s.delta = func() []float32 { return b.X(0)[at : at+b.Cols] }, func(i int) []float32 { return deltas[i][at : at+b.Cols] }
			seen = s.delta
		}
		row := make([][]float32, v.models)
		for i := range row {
			row[i] = seen(i)
		}
		s.fill(coefs(gramOfFloats(row)))
	}
}

// sum is a sum of vectors, of which only those that count are looked at.
type sum struct {
	out   []float32
	model func(i int) []float32
	base  func() []float32      // nil without a base
	delta func(i int) []float32 // model i less the base; may overwrite the model
	raw   []ops.Values          // the operands as they are stored, where known
}

// fill computes the sum. A vector that counts in full, and alone, is copied, so
// that limits are exact.
func (s sum) fill(coefs []float64) {
	var some []int
	for i, c := range coefs {
		if c != 0 {
			some = append(some, i)
		}
	}
	switch {
	case len(some) == 1 && coefs[some[0]] == 1:
		copy(s.out, s.model(some[0]))
	case len(some) == 0 && s.base != nil:
		copy(s.out, s.base())
	case len(some) == 0:
		clear(s.out)
	case s.base != nil:
		s.onBase(some, coefs)
	default:
		w, xs := make([]float32, len(some)), make([][]float32, len(some))
		for k, i := range some {
			w[k], xs[k] = float32(coefs[i]), s.model(i)
		}
		kernel.LinearSum(s.out, w, xs, 1)
	}
}

// onBase adds task vectors times coefficients to the base, in the stored form
// where all are bfloat16.
func (s sum) onBase(models []int, coefs []float64) {
	raw := s.raw != nil && s.raw[0].BF16 != nil
	ds := make([]kernel.Delta, len(models))
	for k, i := range models {
		ds[k] = kernel.Delta{Above: -1, Rescale: 1, Weight: float32(coefs[i])}
		raw = raw && s.raw[i+1].BF16 != nil
	}
	if raw {
		for k, i := range models {
			ds[k].Raw = s.raw[i+1].BF16
		}
		kernel.Mix{Lambda: 1}.IntoRaw(s.out, s.raw[0].BF16, ds)
		return
	}
	for k, i := range models {
		ds[k].X = s.delta(i)
	}
	kernel.Mix{Lambda: 1}.Into(s.out, s.base(), ds)
}
