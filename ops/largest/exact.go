package largest

import (
	"context"
	"sync"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/tensor/kernel"
)

// exact finds the threshold of one quantity by two histograms.
func (s Selection) exact(ctx context.Context, q int) (bits uint32, err error) {
	high, err := s.histogram(ctx, q, kernel.HighBins, kernel.HistHigh)
	if err != nil {
		return 0, err
	}
	bin, within := kernel.Kth(high, s.keep(q))
	low, err := s.histogram(ctx, q, kernel.LowBins, func(h []uint32, x []float32) { kernel.HistLow(h, x, bin) })
	if err != nil {
		return 0, err
	}
	rest, _ := kernel.Kth(low, within)
	return bin<<15 | rest, nil
}

// histogram adds up all blocks' counts; order does not matter to integers.
func (s Selection) histogram(ctx context.Context, q, bins int, count func([]uint32, []float32)) ([]uint64, error) {
	total := make([]uint64, bins)
	var mu sync.Mutex
	pool := sync.Pool{New: func() any { h := make([]uint32, bins); return &h }}
	for _, scan := range s.Scans {
		err := scan.Each(ctx, func(b *ops.Block) error {
			h := pool.Get().(*[]uint32)
			count(*h, s.values(b, q))
			mu.Lock()
			for i, c := range *h {
				total[i] += uint64(c)
			}
			mu.Unlock()
			clear(*h)
			pool.Put(h)
			return nil
		}, s.operands()...)
		if err != nil {
			return nil, err
		}
	}
	return total, nil
}
