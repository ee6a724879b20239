package merge

import (
	"context"
	"fmt"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/schema"
	"github.com/rouxml/roux/tensor/kernel"
)

// tuned is a fine-tuned model in a merge of task vectors.
type tuned struct {
	Model   schema.Ref   `yaml:"model" doc:"model or step tuned from the base"`
	Weight  schema.Curve `yaml:"weight" check:"optional" doc:"share of the task vector; 0 is the same as leaving it out; default: the step's weight, or 1"`
	Density schema.Curve `yaml:"density" check:"optional,>0,<=1" doc:"share of the task vector's elements that is kept; default: the step's density, or 1"`
}

// FromScalar lets a model be named alone.
func (*tuned) FromScalar() string { return "model" }

// Shared is the params that all merges of task vectors share.
type Shared struct {
	Base     schema.Ref   `yaml:"base" doc:"model that the others were tuned from; gives config and tokenizer"`
	Models   []tuned      `yaml:"models" check:"min=1" doc:"tuned models"`
	Weight   schema.Curve `yaml:"weight" default:"1" doc:"weight of models that give none"`
	Density  schema.Curve `yaml:"density" check:">0,<=1" default:"1" doc:"density of models that give none"`
	Lambda   schema.Curve `yaml:"lambda" default:"1" doc:"factor of the merged task vector"`
	Int8Mask bool         `yaml:"int8_mask" default:"false" doc:"accepted for mergekit's files; changes nothing"`
}

func (f *Shared) weight(i int) float64 {
	if w := f.Models[i].Weight; w.IsSet() {
		return w.Value()
	}
	return f.Weight.Value()
}

func (f *Shared) density(i int) float64 {
	if d := f.Models[i].Density; d.IsSet() {
		return d.Value()
	}
	return f.Density.Value()
}

// method is one member of the family: how it sparsifies, whether models vote
// on signs, and the choices that its params hold.
type method struct {
	sparse    sparsifier
	elect     bool
	normalize bool
	rescale   bool
}

// sparsifier keeps a share of a task vector.
type sparsifier interface {
	// prepare returns what apply needs to know of the whole tensor's delta for
	// a model.
	prepare(ctx context.Context, d deltas, model int, density float64, rescale bool) ([]float64, error)
	// needed says whether prepare must run.
	needed(density float64, rescale bool) bool
	// apply drops elements of a block of the delta and rescales the rest.
	apply(x *ops.Pass, b *ops.Block, model int, density float64, state []float64, delta []float32)
}

// deltas is a way through the task vectors of one tensor.
type deltas struct {
	scan ops.Scan
	pass *ops.Pass
}

// each calls f with every block's delta of a model, in any order.
func (d deltas) each(ctx context.Context, model int, f func(b *ops.Block, delta []float32) error) error {
	return d.scan.Each(ctx, func(b *ops.Block) error {
		delta := b.In[model+1]
		kernel.Sub(delta, delta, b.In[0])
		return f(b, delta)
	}, 0, model+1)
}

// pipeline is sparsify, weigh, elect, combine: the whole family in one place.
type pipeline[P any] struct {
	family func(*P) *Shared
	method func(*P) method
}

func (l pipeline[P]) kernel() *ops.RowKernel[P] {
	return &ops.RowKernel[P]{Extent: l.extent, Prepare: l.prepare, Run: l.rows}
}

func (l pipeline[P]) extent(p *P) ops.Scope {
	f, m := l.family(p), l.method(p)
	for i := range f.Models {
		if l.prepares(f, m, i) {
			return ops.Tensor
		}
	}
	return ops.Rows
}

func (l pipeline[P]) prepares(f *Shared, m method, i int) bool {
	d := f.density(i)
	return m.sparse != nil && d < 1 && f.weight(i) != 0 && m.sparse.needed(d, m.rescale)
}

func (l pipeline[P]) prepare(ctx context.Context, members []ops.Member[P]) ([]ops.State, error) {
	states := make([]ops.State, len(members))
	for k, member := range members {
		f, m := l.family(member.Params), l.method(member.Params)
		parts := make([][]float64, len(f.Models))
		for i := range f.Models {
			if !l.prepares(f, m, i) {
				continue
			}
			s, err := m.sparse.prepare(ctx, deltas{member.Scan, member.Scan.Pass}, i, f.density(i), m.rescale)
			if err != nil {
				return nil, fmt.Errorf("model %d: %w", i+1, err)
			}
			parts[i] = s
		}
		states[k] = level(parts)
	}
	return states, nil
}

// level joins the models' parts, each made as long as the longest, so that
// rows can cut the state apart again.
func level(parts [][]float64) ops.State {
	size := 0
	for _, p := range parts {
		size = max(size, len(p))
	}
	state := make(ops.State, size*len(parts))
	for i, p := range parts {
		copy(state[i*size:], p)
	}
	return state
}

func (l pipeline[P]) rows(p *P, x *ops.Pass, b *ops.Block) error {
	f, m := l.family(p), l.method(p)
	base := b.In[0]
	for i := range f.Models {
		delta := b.In[i+1]
		if f.weight(i) == 0 {
			clear(delta)
			continue
		}
		kernel.Sub(delta, delta, base)
		if d := f.density(i); d < 1 && m.sparse != nil {
			n := len(x.State) / len(f.Models)
			state := x.State[i*n : (i+1)*n]
			m.sparse.apply(x, b, i, d, state, delta)
		}
		kernel.Scale(delta, float32(f.weight(i)))
	}
	mix := b.Out
	clear(mix)
	if m.elect {
		l.vote(f, m, b, mix)
	} else {
		l.sum(f, m, b, mix)
	}
	lambda := float32(f.Lambda.Value())
	for i, v := range base {
		mix[i] = v + float32(mix[i]*lambda) // two roundings on every machine
	}
	return nil
}

// sum combines without a vote: the sum of the deltas, over the sum of the
// weights when the method normalises.
func (pipeline[P]) sum(f *Shared, m method, b *ops.Block, mix []float32) {
	var total float32
	for i := range f.Models {
		kernel.Add(mix, b.In[i+1])
		total += float32(f.weight(i))
	}
	if m.normalize && (total >= 1e-8 || total <= -1e-8) {
		for i := range mix {
			mix[i] /= total
		}
	}
}

// vote combines what agrees with the sign of the sum of all deltas.
func (pipeline[P]) vote(f *Shared, m method, b *ops.Block, mix []float32) {
	sum, div := b.Scratch(len(mix)), b.Scratch(len(mix))
	clear(sum)
	clear(div)
	for i := range f.Models {
		kernel.Add(sum, b.In[i+1])
	}
	for i := range f.Models {
		kernel.Elect(mix, div, sum, b.In[i+1], float32(f.weight(i)))
	}
	if m.normalize {
		kernel.DivideVotes(mix, div)
	}
}
