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
// bits; the rescaling factor; then for every block how many elements of just
// that magnitude it keeps.
const (
	magBits = iota
	magFactor
	magTies
)

func (magnitude) needed(float64, bool) bool { return true }

func (magnitude) prepare(ctx context.Context, d deltas, model int, density float64, rescale bool) ([]float64, error) {
	bits, ties, err := threshold(ctx, d, model, density)
	if err != nil {
		return nil, err
	}
	state := append(make([]float64, magTies), make([]float64, d.scan.Blocks)...)
	state[magBits], state[magFactor] = float64(bits), 1
	if err := spread(ctx, d, model, bits, ties, state[magTies:]); err != nil || !rescale {
		return state, err
	}
	state[magFactor], err = rescaling(ctx, d, model, func(b *ops.Block, delta []float32) {
		kernel.KeepLargest(delta, bits, int(state[magTies+b.Index]))
	})
	return state, err
}

func (magnitude) apply(_ *ops.Pass, b *ops.Block, _ int, _ float64, state []float64, delta []float32) {
	kernel.KeepLargest(delta, uint32(state[magBits]), int(state[magTies+b.Index]))
	if f := state[magFactor]; f != 1 {
		kernel.Scale(delta, float32(f))
	}
}

// spread hands the ties to the blocks, the first blocks first.
func spread(ctx context.Context, d deltas, model int, bits uint32, ties int, kept []float64) error {
	err := d.each(ctx, model, func(b *ops.Block, delta []float32) error {
		kept[b.Index] = float64(kernel.CountEqual(delta, bits))
		return nil
	})
	for i, c := range kept {
		kept[i] = min(c, float64(ties))
		ties -= int(kept[i])
	}
	return err
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
