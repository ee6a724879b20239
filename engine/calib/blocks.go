package calib

import (
	"math"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/ops/nn"
	"github.com/rouxml/roux/tensor/kernel"
)

// undefined is the cosine of a state of length zero.
const undefined = 0.5

// comparing keeps what is needed of the states so far: of all tokens those
// behind the layer before, of last tokens those behind every layer.
type comparing struct {
	hidden, length, samples, workers int
	before                           []float32
	next                             []float64   // sums over the tokens
	last                             [][]float32 // by state: samples x hidden
}

func newComparing(a *nn.Arch, samples, length, workers int) *comparing {
	c := &comparing{hidden: a.Hidden, length: length, samples: samples, workers: workers,
		before: make([]float32, samples*length*a.Hidden), next: make([]float64, a.Layers)}
	for range a.Layers + 1 {
		c.last = append(c.last, make([]float32, samples*a.Hidden))
	}
	return c
}

// see takes the states of some rows behind a layer.
func (c *comparing) see(r nn.Rows) {
	cosines := make([]float64, r.N)
	const stripe = 64
	spread(c.workers, (r.N+stripe-1)/stripe, func(part int) {
		for i := part * stripe; i < min((part+1)*stripe, r.N); i++ {
			old := c.before[(r.First+i)*c.hidden : (r.First+i+1)*c.hidden]
			if r.Layer >= 0 {
				cosines[i] = cosine(old, r.Row(i))
			}
			copy(old, r.Row(i))
			if at := r.First + i; at%c.length == c.length-1 {
				copy(c.last[r.Layer+1][at/c.length*c.hidden:], r.Row(i))
			}
		}
	})
	if r.Layer >= 0 {
		for _, v := range cosines {
			c.next[r.Layer] += v
		}
	}
}

func cosine(a, b []float32) float64 {
	if n := math.Sqrt(kernel.Norm2(a)) * math.Sqrt(kernel.Norm2(b)); n > 0 {
		return kernel.Dot(a, b) / n
	}
	return undefined
}

// finish turns sums into means.
func (c *comparing) finish() *ops.Blocks {
	if c == nil {
		return nil
	}
	b := &ops.Blocks{}
	for _, v := range c.next {
		b.Next = append(b.Next, v/float64(c.samples*c.length))
	}
	for i := range c.last {
		row := make([]float64, len(c.last))
		for j := range row {
			for s := range c.samples {
				at := s * c.hidden
				row[j] += cosine(c.last[i][at:at+c.hidden], c.last[j][at:at+c.hidden])
			}
			row[j] /= float64(c.samples)
		}
		b.Last = append(b.Last, row)
	}
	return b
}
