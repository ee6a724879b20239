package linalg

import (
	"context"

	"github.com/rouxml/roux/tensor/rng"
)

// Method says how the leading singular triplets are found.
type Method string

// The methods: the full decomposition, products with a thin random matrix, or
// the second where the rank is a small part of the matrix.
const (
	Exact      Method = "exact"
	Randomized Method = "randomized"
	Auto       Method = "auto"
)

// small is how many times the rank must go into the shorter side for Auto to
// choose products: below that, the full decomposition costs no more.
const small = 6

// powerSteps brings the error of weights within a fraction of a percent of the
// least there is; that of pure noise, the worst case, within about one and a
// half.
const powerSteps = 4

// randomized says which of both it is.
func (m Method) randomized(rank, rows, cols int) bool {
	return m == Randomized || m != Exact && small*rank <= min(rows, cols)
}

// Truncate finds the first rank singular triplets. It draws nothing that
// depends on a seed: equal matrices have equal factors.
func Truncate(ctx context.Context, a []float32, rows, cols, rank int, m Method) (*LowRank, error) {
	if min(rank, rows, cols) == 0 {
		return &LowRank{}, nil
	}
	if m.randomized(rank, rows, cols) {
		return RandomizedSVD(ctx, a, rows, cols, Sketch{Rank: rank, PowerSteps: powerSteps, Key: rng.NewKey(0, "linalg.Truncate", "", "", "sketch")})
	}
	d, err := Decompose(ctx, a, rows, cols)
	if err != nil {
		return nil, err
	}
	k := min(rank, len(d.S))
	out := &LowRank{Rank: k, S: d.S[:k:k], U: make([]float32, rows*k), Vt: convertTo[float32](d.Vt.Data[:k*cols])}
	for i := range rows {
		for j := range k {
			out.U[i*k+j] = float32(d.U.Data[i*len(d.S)+j])
		}
	}
	if k < len(d.S) {
		out.Next = d.S[k]
	}
	return out, nil
}

// TruncateMemory is an upper bound of the bytes that Truncate takes, its result
// included and its input not.
func TruncateMemory(rows, cols, rank int, m Method) int64 {
	if m.randomized(rank, rows, cols) {
		return 16 * int64(rows+cols) * int64(rank+oversampling+probes)
	}
	return Memory(rows, cols) + 4*int64(rows+cols)*int64(rank)
}

// Product writes U diag(S) Vt, rows x cols, into dst.
func (r *LowRank) Product(ctx context.Context, dst []float32, rows, cols int) error {
	if r.Rank == 0 {
		clear(dst)
		return ctx.Err()
	}
	scaled := make([]float32, rows*r.Rank)
	for i := range rows {
		for k, s := range r.S {
			scaled[i*r.Rank+k] = r.U[i*r.Rank+k] * float32(s)
		}
	}
	j := newJob(ctx)
	product(false, false, rows, cols, r.Rank, 1, scaled, r.Rank, r.Vt, cols, 0, dst, cols, j)
	return j.cancelled()
}
