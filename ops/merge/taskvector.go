package merge

import (
	"context"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/schema"
	"github.com/rouxml/roux/tensor/kernel"
)

// Tuned is a fine-tuned model in a merge of task vectors.
type Tuned struct {
	Model   schema.Ref   `yaml:"model" doc:"model or step tuned from the base"`
	Weight  schema.Curve `yaml:"weight" check:"optional" doc:"share of the task vector; 0 is the same as leaving it out; default: the step's weight, or 1"`
	Density schema.Curve `yaml:"density" check:"optional,>0,<=1" doc:"share of the task vector's elements that is kept; default: the step's density, or 1"`
}

// FromScalar lets a model be named alone.
func (*Tuned) FromScalar() string { return "model" }

func (t Tuned) tuned() Tuned { return t }

// Shared is the params that all merges of task vectors share. M is a Tuned,
// perhaps with params of its own.
type Shared[M interface{ tuned() Tuned }] struct {
	Base     schema.Ref   `yaml:"base" doc:"model that the others were tuned from; gives config and tokenizer"`
	Models   []M          `yaml:"models" check:"min=1" doc:"tuned models"`
	Weight   schema.Curve `yaml:"weight" default:"1" doc:"weight of models that give none"`
	Density  schema.Curve `yaml:"density" check:">0,<=1" default:"1" doc:"density of models that give none"`
	Lambda   schema.Curve `yaml:"lambda" default:"1" doc:"factor of the merged task vector"`
	Int8Mask bool         `yaml:"int8_mask" default:"false" doc:"accepted for mergekit's files; changes nothing"`
}

// family is Shared whatever its models are.
type family interface {
	models() int
	weight(i int) float64
	density(i int) float64
	lambda() float64
}

func (f *Shared[M]) models() int { return len(f.Models) }

func (f *Shared[M]) lambda() float64 { return f.Lambda.Value() }

func (f *Shared[M]) weight(i int) float64 { return own(f.Models[i].tuned().Weight, f.Weight) }

func (f *Shared[M]) density(i int) float64 { return own(f.Models[i].tuned().Density, f.Density) }

// own is a model's number, or the step's where it gives none.
func own(model, step schema.Curve) float64 {
	if model.IsSet() {
		return model.Value()
	}
	return step.Value()
}

// method is one member of the family: how it sparsifies, whether models vote
// on signs, and the choices that its params hold.
type method struct {
	sparse    sparsifier
	elect     bool
	normalize bool
	rescale   bool
}

// part is one model's share in the work of a sparsifier.
type part struct {
	model   int // index into the step's models
	density float64
}

// sparsifier keeps a share of each task vector.
type sparsifier interface {
	// needed says whether prepare must run.
	needed(rescale bool) bool
	// prepare returns what keep must know of whole tensors, for each part.
	prepare(ctx context.Context, d deltas, parts []part) ([]ops.State, error)
	// keep says which elements of a block's delta stay: above a bound, or by a
	// mask.
	keep(x *ops.Pass, b *ops.Block, p part, state ops.State, d *kernel.Delta)
}

// deltas is a way through the task vectors of one tensor.
type deltas struct {
	scan ops.Scan
	pass *ops.Pass
}

// operands are the base and the models of the parts.
func (deltas) operands(parts []part) []int {
	list := []int{0}
	for _, p := range parts {
		list = append(list, p.model+1)
	}
	return list
}

// pipeline is sparsify, weigh, elect, combine: the whole family in one place.
type pipeline[P any] struct {
	family func(*P) family
	method func(*P) method
}

func (l pipeline[P]) kernel() *ops.RowKernel[P] {
	return &ops.RowKernel[P]{Extent: l.extent, Prepare: l.prepare, Run: l.rows}
}

func (l pipeline[P]) extent(p *P) ops.Scope {
	if len(l.prepared(p)) > 0 {
		return ops.Tensor
	}
	return ops.Rows
}

// prepared is the models whose whole task vector must be seen first.
func (l pipeline[P]) prepared(p *P) []part {
	f, m := l.family(p), l.method(p)
	var parts []part
	for i := range f.models() {
		if d := f.density(i); m.sparse != nil && d < 1 && f.weight(i) != 0 && m.sparse.needed(m.rescale) {
			parts = append(parts, part{i, d})
		}
	}
	return parts
}

// stateSize is the numbers of one model in a state: the rescaling factor, and
// what its sparsifier knows.
const stateSize = 5

func (l pipeline[P]) prepare(ctx context.Context, members []ops.Member[P]) ([]ops.State, error) {
	states := make([]ops.State, len(members))
	for k, member := range members {
		m, parts := l.method(member.Params), l.prepared(member.Params)
		d := deltas{member.Scan, member.Scan.Pass}
		own, err := m.sparse.prepare(ctx, d, parts)
		if err != nil {
			return nil, err
		}
		states[k] = make(ops.State, stateSize*l.family(member.Params).models())
		for i, p := range parts {
			at := states[k][p.model*stateSize:]
			at[0] = 1
			copy(at[1:stateSize], own[i])
		}
		if m.rescale {
			if err := d.rescale(ctx, m.sparse, parts, states[k]); err != nil {
				return nil, err
			}
		}
	}
	return states, nil
}

// rescale finds the factors that restore each sum of magnitudes after
// dropping; a factor is 1 when either sum is next to nothing.
func (d deltas) rescale(ctx context.Context, s sparsifier, parts []part, state ops.State) error {
	before, after := make([][]float64, len(parts)), make([][]float64, len(parts))
	held := d.masks(parts)
	for i := range parts {
		before[i], after[i] = make([]float64, d.scan.Blocks), make([]float64, d.scan.Blocks)
	}
	err := d.scan.Each(ctx, func(b *ops.Block) error {
		for i, p := range parts {
			kept := kernel.Delta{Above: -1}
			s.keep(d.pass, b, p, state[p.model*stateSize+1:], &kept)
			before[i][b.Index], after[i][b.Index] = absSums(b, p.model+1, kept)
			held.put(b, p.model, kept)
		}
		return nil
	}, d.operands(parts)...)
	held.leave(d.pass)
	for i, p := range parts {
		if x, y := total(before[i]), total(after[i]); x >= 1e-7 && y >= 1e-7 {
			state[p.model*stateSize] = x / y
		}
	}
	return err
}

// absSums adds up a block's magnitudes of operand i less the base: all, and
// those that stay.
func absSums(b *ops.Block, i int, kept kernel.Delta) (all, some float64) {
	x, base := b.In[i].BF16, b.In[0].BF16
	if masked(kept) && x != nil && base != nil {
		return kernel.AbsSumsBF16(x, base, kept.Keep)
	}
	delta := b.Sub(i, 0)
	return kernel.AbsSums(delta, counted(b, delta, kept))
}

// masked says whether a mask alone tells which elements count.
func masked(d kernel.Delta) bool { return d.Keep != nil && d.Above < 0 && d.Upto == 0 }

// counted is the elements of a block that a delta lets count.
func counted(b *ops.Block, x []float32, d kernel.Delta) kernel.Mask {
	if masked(d) {
		return d.Keep
	}
	keep, none := b.Mask(len(x)), b.Mask(len(x))
	kernel.KeepAbove(keep, x, d.Above)
	if d.Upto != 0 {
		kernel.KeepAbove(none, x, d.Upto)
		keep.Less(none)
	}
	if d.Keep != nil {
		copy(none, d.Keep)
		none.Invert()
		keep.Less(none)
	}
	return keep
}

func total(x []float64) float64 {
	var sum float64
	for _, v := range x {
		sum += v
	}
	return sum
}

func (l pipeline[P]) rows(p *P, x *ops.Pass, b *ops.Block) error {
	f, m := l.family(p), l.method(p)
	var ds []kernel.Delta
	var models []int
	raw := b.In[0].BF16 != nil
	for i := range f.models() {
		if f.weight(i) != 0 {
			models = append(models, i+1)
			ds = append(ds, m.delta(f, i, x, b))
			raw = raw && b.In[i+1].BF16 != nil
		}
	}
	mix := kernel.Mix{Elect: m.elect, Normalize: m.normalize, Lambda: float32(f.lambda())}
	switch {
	case len(ds) == 0:
		copy(b.Out, b.X(0))
	case raw:
		for k, i := range models {
			ds[k].Raw = b.In[i].BF16
		}
		mix.IntoRaw(b.Out, b.In[0].BF16, ds)
	default:
		for k, i := range models {
			ds[k].X = b.Sub(i, 0)
		}
		mix.Into(b.Out, b.X(0), ds)
	}
	return nil
}

// delta is what counts of a model's task vector, and how much.
func (m method) delta(f family, i int, x *ops.Pass, b *ops.Block) kernel.Delta {
	d := kernel.Delta{Above: -1, Rescale: 1, Weight: float32(f.weight(i))}
	density := f.density(i)
	if density >= 1 || m.sparse == nil {
		return d
	}
	var state ops.State
	if x.State != nil {
		state = x.State[i*stateSize : (i+1)*stateSize]
		d.Rescale, state = float32(state[0]), state[1:]
	}
	if masks, ok := x.Held().(*masks); ok {
		if d.Keep = masks.get(b, i); d.Keep != nil {
			return d
		}
	}
	m.sparse.keep(x, b, part{i, density}, state, &d)
	return d
}
