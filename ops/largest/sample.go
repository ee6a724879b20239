package largest

import (
	"context"
	"math"

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

// bracket is the range that holds the magnitude above which a share p lies, as
// far as the sample tells: so many standard errors of that share, as it differs
// between rows, to both sides. Without a sample it is everything.
func bracket(rows [][]uint32, p, errors float64) kernel.Bracket {
	if len(rows) == 0 {
		return kernel.Bracket{Lo: -1, Hi: math.MaxInt32}
	}
	n := 0
	for _, r := range rows {
		n += len(r)
	}
	middle, _ := kth(rows, rank(p, n), 0, math.MaxInt32)
	reach := errors*standardError(rows, middle) + 2/float64(n)
	b := kernel.Bracket{Lo: -1, Hi: math.MaxInt32}
	if p-reach > 0 {
		hi, _ := kth(rows, rank(p-reach, n), middle, math.MaxInt32)
		b.Hi = int32(hi)
	}
	if p+reach < 1 {
		lo, _ := kth(rows, rank(p+reach, n), 0, middle)
		b.Lo = int32(lo)
	}
	return b
}

func rank(p float64, n int) int { return min(max(int(math.Ceil(p*float64(n))), 1), n) }

// standardError is that of the share above a value, as the rows differ in it.
func standardError(rows [][]uint32, value uint32) float64 {
	var sum, square float64
	for _, r := range rows {
		above := 0
		for _, v := range r {
			if v > value {
				above++
			}
		}
		share := float64(above) / float64(max(len(r), 1))
		sum, square = sum+share, square+share*share
	}
	n := float64(len(rows))
	return math.Sqrt(max(square/n-sum/n*(sum/n), 0) / n)
}
