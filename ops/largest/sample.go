package largest

import (
	"context"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/tensor/kernel"
)

// Of every row that is sampled so many elements are looked at, and one row in
// so many, within bounds. Tensors below small are not sampled.
const (
	perRow   = 256
	oneIn    = 128
	fewRows  = 32
	manyRows = 256
	small    = 1 << 15
)

// sample returns magnitude bits of each quantity by row, from rows spread over
// all scans; nothing of small tensors.
func (s Selection) sample(ctx context.Context) ([][][]uint32, error) {
	samples := make([][][]uint32, len(s.Keep))
	if s.numel() < small {
		return samples, nil
	}
	rows := 0
	for _, scan := range s.Scans {
		rows += scan.Pass.In[0].Shape.Rows()
	}
	want := min(rows, max(fewRows, min(rows/oneIn, manyRows)))
	scan, before := 0, 0
	for i := range want {
		row := spread(i, want, rows)
		for row-before >= s.Scans[scan].Pass.In[0].Shape.Rows() {
			before += s.Scans[scan].Pass.In[0].Shape.Rows()
			scan++
		}
		err := s.Scans[scan].At(ctx, row-before, 1, func(b *ops.Block) error {
			for q := range samples {
				samples[q] = append(samples[q], pick(s.values(b, q), i))
			}
			return nil
		}, s.operands()...)
		if err != nil {
			return samples, err
		}
	}
	return samples, nil
}

// guess is how many elements are not zero, as far as a sample tells.
func (s Selection) guess(rows [][]uint32) int {
	nonzero, all := 0, 0
	for _, r := range rows {
		for _, v := range r {
			if v != 0 {
				nonzero++
			}
		}
		all += len(r)
	}
	return s.numel() * nonzero / max(all, 1)
}

// spread is the i-th of n places below total: one in each n-th part, at an
// uneven step so that no period of the tensor, such as that of heads, is met.
func spread(i, n, total int) int {
	from, to := i*total/n, (i+1)*total/n
	return from + int(uint32(i)*0x9E3779B9>>8)%max(to-from, 1)
}

// pick takes elements spread over a row.
func pick(row []float32, i int) []uint32 {
	step := max(1, len(row)/perRow)
	var out []uint32
	for j := i % step; j < len(row); j += step {
		out = append(out, kernel.MagnitudeBits(row[j]))
	}
	return out
}
