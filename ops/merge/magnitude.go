package merge

import (
	"context"
	"math"
	"sync"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/tensor/kernel"
)

// magnitude keeps the largest elements of a delta over the whole tensor,
// exactly as many as the density says, ties by lowest index. It finds the
// threshold in passes over blocks, so that no tensor is held whole.
type magnitude struct{}

// The numbers of its state: the magnitude from which elements are kept, as
// bits; the index of the last element of just that magnitude that is kept; the
// rescaling factor.
const (
	magBits = iota
	magLast
	magFactor
	magSize
)

func (magnitude) size() int { return magSize }

func (magnitude) needed(float64, bool) bool { return true }

func (magnitude) prepare(ctx context.Context, d deltas, model int, density float64, rescale bool) ([]float64, error) {
	bits, ties, err := threshold(ctx, d, model, density)
	if err != nil {
		return nil, err
	}
	last, err := lastTie(ctx, d, model, bits, ties)
	if err != nil {
		return nil, err
	}
	state := []float64{float64(bits), float64(last), 1}
	if rescale {
		state[magFactor], err = rescaling(ctx, d, model, func(b *ops.Block, delta []float32) { keep(delta, b.Start(), bits, last) })
	}
	return state, err
}

func (magnitude) apply(_ *ops.Pass, b *ops.Block, _ int, _ float64, state []float64, delta []float32) {
	keep(delta, b.Start(), uint32(state[magBits]), int(state[magLast]))
	if f := state[magFactor]; f != 1 {
		kernel.Scale(delta, float32(f))
	}
}

// keep zeroes what is below the threshold, and ties behind the last one.
func keep(delta []float32, start int, bits uint32, last int) {
	for i, v := range delta {
		b := kernel.MagnitudeBits(v)
		if b < bits || b == bits && start+i > last {
			delta[i] = 0
		}
	}
}

// threshold returns the magnitude of the k-th largest element, k being the
// share of all elements, and how many elements of just that magnitude belong
// to the k. At least one element is kept.
func threshold(ctx context.Context, d deltas, model int, density float64) (bits uint32, ties int, err error) {
	n := d.pass.Out().Shape.Numel()
	k := max(1, int(math.Trunc(density*float64(n))))
	high, err := histogram(ctx, d, model, kernel.HighBins, func(h []uint32, x []float32) { kernel.HistHigh(h, x) })
	if err != nil {
		return 0, 0, err
	}
	bin, within := kernel.Kth(high, k)
	low, err := histogram(ctx, d, model, kernel.LowBins, func(h []uint32, x []float32) { kernel.HistLow(h, x, bin) })
	if err != nil {
		return 0, 0, err
	}
	rest, ties := kernel.Kth(low, within)
	return bin<<15 | rest, ties, nil
}

// histogram adds up all blocks' counts; order does not matter to integers.
func histogram(ctx context.Context, d deltas, model, bins int, count func([]uint32, []float32)) ([]uint64, error) {
	total := make([]uint64, bins)
	var mu sync.Mutex
	pool := sync.Pool{New: func() any { h := make([]uint32, bins); return &h }}
	err := d.each(ctx, model, func(_ *ops.Block, delta []float32) error {
		h := pool.Get().(*[]uint32)
		count(*h, delta)
		mu.Lock()
		for i, c := range *h {
			total[i] += uint64(c)
		}
		mu.Unlock()
		clear(*h)
		pool.Put(h)
		return nil
	})
	return total, err
}

// lastTie returns the index of the ties-th element of that magnitude.
func lastTie(ctx context.Context, d deltas, model int, bits uint32, ties int) (int, error) {
	counts := make([]int, d.scan.Blocks)
	err := d.each(ctx, model, func(b *ops.Block, delta []float32) error {
		counts[b.Index] = kernel.CountEqual(delta, bits)
		return nil
	})
	if err != nil {
		return 0, err
	}
	block, left := 0, ties
	for block < len(counts) && left > counts[block] {
		left -= counts[block]
		block++
	}
	last := -1
	err = d.each(ctx, model, func(b *ops.Block, delta []float32) error {
		if b.Index == block {
			last = b.Start() + nth(delta, bits, left)
		}
		return nil
	})
	return last, err
}

// nth is the index of the n-th element of that magnitude, counting from one.
func nth(x []float32, bits uint32, n int) int {
	for i, v := range x {
		if kernel.MagnitudeBits(v) == bits {
			if n--; n == 0 {
				return i
			}
		}
	}
	return len(x)
}

// rescaling is the factor that restores the sum of magnitudes after dropping;
// it is 1 when either sum is next to nothing.
func rescaling(ctx context.Context, d deltas, model int, drop func(*ops.Block, []float32)) (float64, error) {
	before, after := make([]float64, d.scan.Blocks), make([]float64, d.scan.Blocks)
	err := d.each(ctx, model, func(b *ops.Block, delta []float32) error {
		before[b.Index] = kernel.AbsSum(delta)
		drop(b, delta)
		after[b.Index] = kernel.AbsSum(delta)
		return nil
	})
	var x, y float64
	for i := range before {
		x, y = x+before[i], y+after[i]
	}
	if x < 1e-7 || y < 1e-7 {
		return 1, err
	}
	return x / y, err
}
