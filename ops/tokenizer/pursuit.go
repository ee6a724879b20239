package tokenizer

import (
	"context"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/rouxml/roux/tensor/kernel/cpu"
)

// pursue finds for each target up to k points whose weighted sum comes near to
// it, by orthogonal matching pursuit: the point most in line with what is left
// joins, then all weights are fitted anew. Of equals the first joins. A target
// of which nothing is left takes no more points.
// Source: Pati, Rezaiifar and Krishnaprasad 1993, Orthogonal matching pursuit.
func pursue(ctx context.Context, targets, pts points, k int) ([]sparse, error) {
	hunts := make([]*hunt, targets.n)
	left := points{make([]float32, len(targets.data)), targets.n, targets.dim}
	copy(left.data, targets.data)
	for i := range hunts {
		hunts[i] = newHunt(targets.row(i), pts.n)
	}
	inner := make([]float32, targets.n*pts.n)
	for range k {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		products(ctx, inner, left, pts)
		parallel(ctx, len(hunts), func(i int) { hunts[i].join(inner[i*pts.n:(i+1)*pts.n], pts, left.row(i)) })
	}
	out := make([]sparse, len(hunts))
	for i, h := range hunts {
		out[i] = sparse{h.chosen, h.weights()}
	}
	return out, nil
}

// hunt is the state for one target: an orthonormal basis of the chosen points
// and the triangle that turns it back into them.
type hunt struct {
	target []float64
	rest   []float64 // of the target, beside the basis
	taken  []bool
	chosen []int
	basis  [][]float64
	along  []float64   // of the target, by the basis
	upper  [][]float64 // column j: point j by the basis
	size   float64     // of the target
	done   bool
}

func newHunt(target []float32, n int) *hunt {
	h := &hunt{target: make([]float64, len(target)), taken: make([]bool, n)}
	for i, v := range target {
		h.target[i] = float64(v)
	}
	h.rest, h.size = slices.Clone(h.target), norm(h.target)
	h.done = h.size == 0
	return h
}

// Parts of a vector below these shares of its length are rounding.
const (
	spent     = 1e-6 // of the target, that is left
	dependent = 1e-6 // of a point, that is new
)

// join takes the best point in and writes what is left of the target.
func (h *hunt) join(inner []float32, pts points, left []float32) {
	for !h.done {
		best := -1
		for i, v := range inner {
			if !h.taken[i] && (best < 0 || abs(v) > abs(inner[best])) {
				best = i
			}
		}
		if best < 0 {
			h.done = true
			return
		}
		h.taken[best] = true
		if h.extend(best, pts.row(best)) {
			h.leave(left)
			return
		}
	}
}

// extend adds a point to the basis, unless the chosen ones span it already.
func (h *hunt) extend(i int, point []float32) bool {
	rest := make([]float64, len(point))
	for j, v := range point {
		rest[j] = float64(v)
	}
	size, column := norm(rest), make([]float64, len(h.basis)+1)
	for range 2 { // the second time for what rounding left of the first
		for k, q := range h.basis {
			c := dot(q, rest)
			column[k] += c
			subtract(rest, c, q)
		}
	}
	length := norm(rest)
	if length <= dependent*size {
		return false
	}
	for j := range rest {
		rest[j] /= length
	}
	column[len(h.basis)] = length
	h.chosen, h.basis, h.upper = append(h.chosen, i), append(h.basis, rest), append(h.upper, column)
	h.along = append(h.along, dot(rest, h.target))
	return true
}

func (h *hunt) leave(left []float32) {
	last := len(h.basis) - 1
	subtract(h.rest, h.along[last], h.basis[last])
	h.done = norm(h.rest) <= spent*h.size
	for j, v := range h.rest {
		left[j] = float32(v)
	}
}

// weights solves the triangle for the weights of the chosen points.
func (h *hunt) weights() []float64 {
	w := make([]float64, len(h.along))
	copy(w, h.along)
	for j := len(w) - 1; j >= 0; j-- {
		w[j] /= h.upper[j][j]
		for i := range j {
			w[i] -= h.upper[j][i] * w[j]
		}
	}
	return w
}

func abs(v float32) float32 { return float32(math.Abs(float64(v))) }

func norm(x []float64) float64 { return math.Sqrt(dot(x, x)) }

// dot keeps four sums, which are added in one order at the end.
func dot(x, y []float64) float64 {
	var a, b, c, d float64
	y = y[:len(x)]
	i := 0
	for ; i+4 <= len(x); i += 4 {
		a += float64(x[i] * y[i])
		b += float64(x[i+1] * y[i+1])
		c += float64(x[i+2] * y[i+2])
		d += float64(x[i+3] * y[i+3])
	}
	for ; i < len(x); i++ {
		a += float64(x[i] * y[i])
	}
	return a + b + (c + d)
}

func subtract(x []float64, c float64, y []float64) {
	for i, v := range y[:len(x)] {
		x[i] -= float64(c * v)
	}
}

// parallel calls f for every i below n, on the workers of the run. Calls must
// not depend on each other.
func parallel(ctx context.Context, n int, f func(i int)) {
	var next atomic.Int64
	var all sync.WaitGroup
	for range min(n, cpu.Workers(ctx)) {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	all.Wait()
}
