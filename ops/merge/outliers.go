package merge

import (
	"context"
	"math"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/ops/largest"
	"github.com/rouxml/roux/schema"
	"github.com/rouxml/roux/tensor/kernel"
)

// Crumbed is a tuned model that loses its outliers.
type Crumbed struct {
	Tuned `yaml:",inline"`
	Gamma schema.Curve `yaml:"gamma" check:"optional,>=0,<1" doc:"share of the task vector's elements that is dropped as the largest; default: the step's gamma, or 0.01"`
}

// Crumbs is the params that both merges by breadcrumbs share.
type Crumbs struct {
	Shared[Crumbed] `yaml:",inline"`
	Gamma           schema.Curve `yaml:"gamma" check:">=0,<1" default:"0.01" doc:"gamma of models that give none"`
	Least           int          `yaml:"least" check:">=0" default:"1" doc:"how many elements of a tensor stay at the least, where the density comes to fewer; mergekit keeps none: 0"`
}

func (c *Crumbs) gamma(i int) float64 { return own(c.Models[i].Gamma, c.Gamma) }

// outliers drops the largest elements of a delta over the whole tensor and
// keeps those that follow, exactly as many as the density says; ties are
// ordered by index.
type outliers struct {
	gamma func(model int) float64
	least int
}

func (c *Crumbs) sparse() outliers { return outliers{c.gamma, c.Least} }

func (outliers) needed(bool) bool { return true }

// band is how many of n elements are dropped from the top, and how many of the
// largest hold those and the kept ones. Where both shares are more than all,
// fewer are dropped.
func (o outliers) band(n int, density, gamma float64) (top, upto int) {
	keep := min(max(o.least, int(math.Trunc(density*float64(n)))), n)
	top = min(int(math.Trunc(gamma*float64(n))), n-keep)
	return top, top + keep
}

func (o outliers) prepare(ctx context.Context, d deltas, parts []part) ([]ops.State, error) {
	s := largest.Selection{Scans: []ops.Scan{d.scan}}
	ask := func(p part, keep int) int {
		s.Operand, s.Less, s.Keep = append(s.Operand, p.model+1), append(s.Less, 0), append(s.Keep, keep)
		return len(s.Keep) - 1
	}
	const none = -1
	n := d.pass.Out().Shape.Numel()
	outer, inner := make([]int, len(parts)), make([]int, len(parts))
	for i, p := range parts {
		top, upto := o.band(n, p.density, o.gamma(p.model))
		outer[i], inner[i] = none, none
		if upto > top {
			outer[i] = ask(p, upto)
		}
		if top > 0 && upto > top {
			inner[i] = ask(p, top)
		}
	}
	var cuts [][]largest.Cut
	if len(s.Keep) > 0 {
		var err error
		if cuts, err = s.Cuts(ctx); err != nil {
			return nil, err
		}
	}
	states := make([]ops.State, len(parts))
	for i := range parts {
		drop, keep := largest.Cut{Bits: math.MaxInt32}, largest.Cut{Bits: math.MaxInt32}
		if inner[i] != none {
			drop = cuts[inner[i]][0]
		}
		if outer[i] != none {
			keep = cuts[outer[i]][0]
		}
		states[i] = ops.State{float64(keep.Bits), float64(keep.Index), float64(drop.Bits), float64(drop.Index)}
	}
	return states, nil
}

func (outliers) keep(_ *ops.Pass, b *ops.Block, p part, state ops.State, d *kernel.Delta) {
	n := b.Rows * b.Cols
	keep := largest.Cut{Bits: uint32(state[0]), Index: int(state[1])}
	drop := largest.Cut{Bits: uint32(state[2]), Index: int(state[3])}
	above, ok := keep.Bound(b.Start(), n)
	upto, clear := drop.Bound(b.Start(), n)
	if ok && clear {
		d.Above, d.Upto = above, upto
		if upto <= max(above, 0) { // nothing but zeros is between
			d.Above, d.Upto = math.MaxInt32, 0
		}
		return
	}
	d.Above = -1
	d.Keep = b.Mask(n)
	keep.Keep(d.Keep, b.Start(), b.Sub(p.model+1, 0))
	dropped := b.Mask(n)
	drop.Keep(dropped, b.Start(), b.Sub(p.model+1, 0))
	d.Keep.Less(dropped)
}
