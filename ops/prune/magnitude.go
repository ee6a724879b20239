package prune

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/ops/largest"
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

// prepare finds the cut over all members together; its state is the cut of
// each.
func prepare(ctx context.Context, members []ops.Member[magnitude]) ([]ops.State, error) {
	s := largest.Selection{Operand: []int{0}}
	total, dropped := 0, 0
	for _, m := range members {
		n := m.Scan.Pass.Out().Shape.Numel()
		total += n
		dropped += int(math.Trunc(m.Params.Sparsity.Value() * float64(n)))
		s.Scans = append(s.Scans, m.Scan)
	}
	s.Keep = []int{total - dropped}
	cuts, err := s.Cuts(ctx)
	if err != nil {
		return nil, err
	}
	states := make([]ops.State, len(members))
	for i, c := range cuts[0] {
		states[i] = ops.State{float64(c.Bits), float64(c.Index)}
	}
	return states, nil
}

func run(p *magnitude, x *ops.Pass, b *ops.Block) error {
	copy(b.Out, b.X(0))
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
		keep := b.Mask(len(b.Out))
		largest.Cut{Bits: uint32(x.State[0]), Index: int(x.State[1])}.Keep(keep, b.Start(), b.Out)
		keep.Apply(b.Out)
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
