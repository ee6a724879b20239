package tokenizer

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"

	"github.com/rouxml/roux/tensor/linalg"
)

// interpolate finds for each target its k nearest points and their weights.
func (p *transplant) interpolate(ctx context.Context, targets, pts points) ([]sparse, error) {
	inner := make([]float32, targets.n*pts.n)
	products(ctx, inner, targets, pts)
	lengths := make([]float64, pts.n)
	for i := range lengths {
		lengths[i] = length(pts.row(i))
	}
	out, errs := make([]sparse, targets.n), make([]error, targets.n)
	parallel(ctx, targets.n, func(i int) {
		target := targets.row(i)
		near := p.nearest(target, inner[i*pts.n:(i+1)*pts.n], lengths)
		w, err := p.weigh(ctx, target, near, pts, lengths)
		out[i], errs[i] = sparse{near, w}, err
	})
	return out, errors.Join(append(errs, ctx.Err())...)
}

func length(x []float32) float64 {
	sum := 0.0
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum)
}

// nearest lists the k nearest points, of equals the first.
func (p *transplant) nearest(target, inner []float32, lengths []float64) []int {
	own, far := length(target), make([]float64, len(inner))
	for i, v := range inner {
		if p.Metric == "cosine" {
			far[i] = -float64(v) / max(own*lengths[i], 1e-6)
		} else {
			far[i] = lengths[i]*lengths[i] - 2*float64(v)
		}
	}
	return least(far, p.K)
}

// least lists the places of the k least values in order, of equals the first.
func least(values []float64, k int) []int {
	best := make([]int, 0, k+1)
	for i, v := range values {
		if len(best) == k && cmp.Compare(v, values[best[k-1]]) >= 0 {
			continue
		}
		at, _ := slices.BinarySearchFunc(best, v, func(j int, v float64) int {
			if cmp.Compare(values[j], v) <= 0 {
				return -1
			}
			return 1
		})
		best = slices.Insert(best, at, i)
		best = best[:min(k, len(best))]
	}
	return best
}

// weigh gives the near points weights by the chosen scheme.
func (p *transplant) weigh(ctx context.Context, target []float32, near []int, pts points, lengths []float64) ([]float64, error) {
	switch p.Scheme {
	case "barycentric":
		return barycentric(ctx, target, near, pts)
	case "least_squares":
		a, b := make([]float64, pts.dim*len(near)), make([]float64, pts.dim)
		for j := range b {
			b[j] = float64(target[j])
			for k, i := range near {
				a[j*len(near)+k] = float64(pts.row(i)[j])
			}
		}
		w, _, err := linalg.LeastSquares(ctx, a, b, pts.dim, len(near), 1)
		return w, err
	}
	w, sum := make([]float64, len(near)), 0.0
	for k, i := range near {
		if p.Metric == "cosine" {
			w[k] = max(0, inner(target, pts.row(i))/max(length(target)*lengths[i], 1e-6))
		} else {
			w[k] = 1 / max(distance(target, pts.row(i)), 1e-6)
		}
		sum += w[k]
	}
	if sum == 0 {
		w[0], sum = 1, 1 // none points the same way: the nearest alone
	}
	for k := range w {
		w[k] /= sum
	}
	return w, nil
}

// barycentric solves for weights that sum to one and bring the points' sum
// nearest to the target.
func barycentric(ctx context.Context, target []float32, near []int, pts points) ([]float64, error) {
	n := len(near)
	a, b := make([]float64, (n+1)*(n+1)), make([]float64, n+1)
	for k, i := range near {
		for l, j := range near {
			a[k*(n+1)+l] = inner(pts.row(i), pts.row(j))
		}
		a[k*(n+1)+n], a[n*(n+1)+k] = 1, 1
		b[k] = inner(target, pts.row(i))
	}
	b[n] = 1
	w, _, err := linalg.LeastSquares(ctx, a, b, n+1, n+1, 1)
	if err != nil {
		return nil, err
	}
	return w[:n], nil
}

func inner(x, y []float32) (sum float64) {
	for i, v := range x {
		sum += float64(v) * float64(y[i])
	}
	return sum
}

func distance(x, y []float32) float64 {
	sum := 0.0
	for i, v := range x {
		d := float64(v) - float64(y[i])
		sum += d * d
	}
	return math.Sqrt(sum)
}
