package prune

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/schema"
	"github.com/rouxml/roux/tensor/kernel"
)

type magnitude struct {
	Model    schema.Ref   `yaml:"model" previous:"" doc:"model to prune"`
	Sparsity schema.Curve `yaml:"sparsity" check:"optional,>=0,<1" doc:"share of the elements that become zero"`
	Scope    string       `yaml:"scope" default:"tensor" check:"enum=row|tensor|layer|model" doc:"among which elements the smallest are found"`
	Pattern  string       `yaml:"pattern" check:"optional,enum=2:4|4:8|1:4" doc:"N:M instead of sparsity: of every M neighbours in a row, the N largest stay"`
}

func init() {
	ops.Add(&Set, ops.Spec[magnitude]{
		Name: "prune.magnitude", Version: 1,
		Summary: "Sets the smallest weights to zero.",
		Doc: "Of n elements in the scope the trunc(sparsity * n) smallest in magnitude become zero; of equal ones the later go first. " +
			"With a pattern N:M, of every M neighbours in a row the N largest stay.",
		Source:  "Han et al. 2015, Learning both weights and connections (arXiv:1506.02626); N:M as in Mishra et al. 2021 (arXiv:2104.08378)",
		Example: "op: prune.magnitude\nsparsity: 0.5\nscope: row\n",
		Where:   linears,
		Check:   check,
		Rows:    &ops.RowKernel[magnitude]{Extent: extent, Prepare: prepare, Run: run},
	})
}

func check(p *magnitude) []schema.Problem {
	if p.Sparsity.IsSet() == (p.Pattern != "") {
		return []schema.Problem{{Path: "sparsity", Msg: "give either sparsity or pattern", Cure: "sparsity: 0.5, or pattern: \"2:4\""}}
	}
	return nil
}

func extent(p *magnitude) ops.Scope {
	switch {
	case p.Pattern != "" || p.Scope == "row":
		return ops.Rows
	case p.Scope == "layer":
		return ops.Layer
	case p.Scope == "model":
		return ops.Model
	}
	return ops.Tensor
}

// prepare finds the threshold over all members together: the magnitude from
// which elements stay, and for each member how many of just that magnitude its
// blocks keep, in the order of members and elements.
func prepare(ctx context.Context, members []ops.Member[magnitude]) ([]ops.State, error) {
	total, dropped := 0, 0
	for _, m := range members {
		n := m.Scan.Pass.Out().Shape.Numel()
		total += n
		dropped += int(math.Trunc(m.Params.Sparsity.Value() * float64(n)))
	}
	bits, ties, err := threshold(ctx, members, total-dropped)
	if err != nil {
		return nil, err
	}
	states := make([]ops.State, len(members))
	for i, m := range members {
		if states[i], ties, err = tieState(ctx, m, bits, ties); err != nil {
			return nil, err
		}
	}
	return states, nil
}

func threshold(ctx context.Context, members []ops.Member[magnitude], keep int) (bits uint32, ties int, err error) {
	high, err := histogram(ctx, members, kernel.HighBins, kernel.HistHigh)
	if err != nil {
		return 0, 0, err
	}
	bin, within := kernel.Kth(high, keep)
	low, err := histogram(ctx, members, kernel.LowBins, func(h []uint32, x []float32) { kernel.HistLow(h, x, bin) })
	if err != nil {
		return 0, 0, err
	}
	rest, ties := kernel.Kth(low, within)
	return bin<<15 | rest, ties, nil
}

func histogram(ctx context.Context, members []ops.Member[magnitude], bins int, count func([]uint32, []float32)) ([]uint64, error) {
	total := make([]uint64, bins)
	var mu sync.Mutex
	for _, m := range members {
		err := m.Scan.Each(ctx, func(b *ops.Block) error {
			h := make([]uint32, bins)
			count(h, b.In[0])
			mu.Lock()
			defer mu.Unlock()
			for i, c := range h {
				total[i] += uint64(c)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return total, nil
}

// tieState is the threshold and, for every block, how many ties it keeps; left
// is what remains of the ties for later members.
func tieState(ctx context.Context, m ops.Member[magnitude], bits uint32, ties int) (state ops.State, left int, err error) {
	counts := make([]int, m.Scan.Blocks)
	err = m.Scan.Each(ctx, func(b *ops.Block) error {
		counts[b.Index] = kernel.CountEqual(b.In[0], bits)
		return nil
	})
	state = ops.State{float64(bits)}
	for _, c := range counts {
		kept := min(c, ties)
		ties -= kept
		state = append(state, float64(kept))
	}
	return state, ties, err
}

func run(p *magnitude, x *ops.Pass, b *ops.Block) error {
	copy(b.Out, b.In[0])
	switch {
	case p.Pattern != "":
		var n, m int
		if _, err := fmt.Sscanf(p.Pattern, "%d:%d", &n, &m); err != nil {
			return err
		}
		return patternRows(b, n, m)
	case p.Scope == "row":
		for i := range b.Rows {
			pruneRow(b.Out[i*b.Cols:(i+1)*b.Cols], int(math.Trunc(p.Sparsity.Value()*float64(b.Cols))))
		}
	default:
		kernel.KeepLargest(b.Out, uint32(x.State[0]), int(x.State[1+b.Index]))
	}
	return nil
}

// pruneRow zeroes the `drop` smallest elements; of equal ones the later go
// first.
func pruneRow(row []float32, drop int) {
	if drop <= 0 {
		return
	}
	order := make([]int, len(row))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Compare(kernel.MagnitudeBits(row[b]), kernel.MagnitudeBits(row[a]))
	})
	for _, i := range order[len(row)-drop:] {
		row[i] = 0
	}
}

// patternRows keeps the n largest of every m neighbours.
func patternRows(b *ops.Block, n, m int) error {
	if b.Cols%m != 0 {
		return fmt.Errorf("pattern %d:%d needs a number of columns that %d divides, not %d: leave the tensor out with where", n, m, m, b.Cols)
	}
	for i := 0; i < len(b.Out); i += m {
		pruneRow(b.Out[i:i+m], m-n)
	}
	return nil
}
