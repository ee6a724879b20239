package prune

import (
	"fmt"
	"math"
	"slices"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/schema"
	"github.com/rouxml/roux/tensor/kernel"
)

type wanda struct {
	Model      schema.Ref     `yaml:"model" previous:"" doc:"model to prune"`
	Sparsity   schema.Curve   `yaml:"sparsity" check:"optional,>=0,<1" doc:"share of each row that becomes zero"`
	Pattern    string         `yaml:"pattern" check:"optional,enum=2:4|4:8|1:4" doc:"N:M instead of sparsity: of every M neighbours in a row, the N of the highest score stay"`
	Calibrate  schema.DataRef `yaml:"calibrate" doc:"texts whose activations weigh the inputs"`
	Sequential bool           `yaml:"sequential" default:"true" doc:"take the activations of each layer from a model whose layers before are pruned already, as published; false: from the model as it is, which several steps can share"`
}

func init() {
	ops.Add(&Set, ops.Spec[wanda]{
		Name: "prune.wanda", Version: 1,
		Summary: "Sets to zero the weights that matter least for the activations they meet.",
		Doc: "The score of a weight is |W[i,j]| * sqrt(mean over tokens of x[j]^2), with x the input that the data brings. " +
			"Of each row of n weights the trunc(sparsity * n) of the lowest score become zero; of equal ones the earlier go first. " +
			"With a pattern N:M, of every M neighbours in a row the N of the highest score stay. No weight that stays is changed.",
		Source:     "Sun et al. 2023, A Simple and Effective Pruning Approach for Large Language Models (arXiv:2306.11695), and its code",
		Example:    "op: prune.wanda\nsparsity: 0.5\ncalibrate: calib\n",
		Where:      linears,
		Needs:      ops.Squares,
		Sequential: func(p *wanda) bool { return p.Sequential },
		Check:      checkWanda,
		Rows:       &ops.RowKernel[wanda]{Run: runWanda},
	})
}

func checkWanda(p *wanda) []schema.Problem {
	if p.Sparsity.IsSet() == (p.Pattern != "") {
		return []schema.Problem{{Path: "sparsity", Msg: "give either sparsity or pattern", Cure: "sparsity: 0.5, or pattern: \"2:4\""}}
	}
	return nil
}

func runWanda(p *wanda, x *ops.Pass, b *ops.Block) error {
	copy(b.Out, b.X(0))
	span, drop := b.Cols, int(math.Trunc(p.Sparsity.Value()*float64(b.Cols)))
	if p.Pattern != "" {
		var n, m int
		if _, err := fmt.Sscanf(p.Pattern, "%d:%d", &n, &m); err != nil {
			return err
		}
		if b.Cols%m != 0 {
			return fmt.Errorf("pattern %s needs a number of columns that %d divides, not %d: leave the tensor out with where", p.Pattern, m, b.Cols)
		}
		span, drop = m, m-n
	}
	if drop == 0 {
		return nil
	}
	w := make(worst, span)
	var norms []float32
	var of *ops.Stats
	for i := range b.Rows {
		s := x.StatsOf(b.Row + i)
		if norms == nil || s != of {
			var err error
			if norms, err = channelNorms(s, b); err != nil {
				return err
			}
			of = s
		}
		row := b.Out[i*b.Cols : (i+1)*b.Cols]
		for j := 0; j < len(row); j += span {
			w.zero(row[j:j+span], norms[j:j+span], drop)
		}
	}
	return nil
}

// channelNorms are the root mean squares of the input's channels.
func channelNorms(s *ops.Stats, b *ops.Block) ([]float32, error) {
	switch {
	case s == nil:
		return nil, fmt.Errorf("there are no statistics of its input: say calibrate: NAME of an entry of data")
	case s.Transposed:
		return nil, fmt.Errorf("it is stored [in, out], and only rows of outputs can be pruned: leave it out with where")
	case s.Rows == 0:
		return nil, fmt.Errorf("no token of the data was routed to expert %d of layer %d: calibrate on more samples, or leave the expert out with where", s.Expert, s.Layer)
	case s.Width() != b.Cols:
		return nil, fmt.Errorf("it has %d columns and its input %d channels", b.Cols, s.Width())
	}
	norms := b.Scratch(b.Cols)
	for j, v := range s.Squares {
		norms[j] = float32(math.Sqrt(v / float64(s.Rows)))
	}
	return norms, nil
}

// worst finds the lowest scores of a few weights: a key is a score's bits above
// the weight's place, so that no two are equal.
type worst []uint64

// zero sets the `drop` weights of the lowest score to zero; of equal ones the
// earlier go first.
func (w worst) zero(row, norms []float32, drop int) {
	for i, v := range row {
		score := math.Float32frombits(kernel.MagnitudeBits(v)) * norms[i]
		w[i] = uint64(math.Float32bits(score))<<32 | uint64(i)
	}
	w.part(drop)
	for _, key := range w[:drop] {
		row[uint32(key)] = 0
	}
}

// part brings the n lowest keys to the front, by Hoare's selection.
func (w worst) part(n int) {
	for len(w) > 8 {
		low, high := w.split()
		switch {
		case n <= low:
			w = w[:low]
		case n >= high:
			w, n = w[high:], n-high
		default:
			return
		}
	}
	slices.Sort(w)
}

// split orders the keys about the median of three: those before low are at most
// it, those from high on at least.
func (w worst) split() (low, high int) {
	a, b, c := w[0], w[len(w)/2], w[len(w)-1]
	pivot := max(min(a, b), min(max(a, b), c))
	i, j := 0, len(w)-1
	for i <= j {
		for w[i] < pivot {
			i++
		}
		for w[j] > pivot {
			j--
		}
		if i <= j {
			w[i], w[j] = w[j], w[i]
			i, j = i+1, j-1
		}
	}
	return j + 1, i
}
