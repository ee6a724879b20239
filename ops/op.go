package ops

import (
	"context"
	"fmt"

	"github.com/rouxml/roux/schema"
	"github.com/rouxml/roux/tensor"
)

// Op is a Spec whose params type is hidden, as the engine sees it. Params are
// pointers to the spec's P throughout.
type Op struct {
	Name, Summary, Doc, Source, Example string
	Metrics, Joint                      string

	Version int
	Where   string
	Random  bool
	Drop    bool
	Scope   Scope
	Needs   Need

	Adapters bool

	New   func() any
	Check func(params any) []schema.Problem
	// Sequential says whether calibration goes through the op's own results.
	Sequential func(params any) bool
	Plan       func(params any, in []Header) ([]Unit, error)
	Ride       func(params any, in []Header, out *tensor.Model) error
	Select     func(params any, in []Header) ([]Pick, error) // nil unless it only picks
	Carry      func(params any, in []Header) ([]Pick, error) // nil for what the primary port has

	Rows    *Kernel
	Whole   *Whole
	Measure *Measure
	Score   *Score
	Study   *Study // nil unless units say Study
}

// Kernel is a RowKernel with hidden params.
type Kernel struct {
	Extent  func(params any) Scope
	Prepare func(ctx context.Context, members []Scan) ([]State, error)
	Run     func(params any, x *Pass, b *Block) error
}

// Whole is a WholeKernel with hidden params.
type Whole struct {
	Memory func(params any, x *Pass) int64
	Run    func(ctx context.Context, params any, x *Pass, in, out []Matrix) error
}

// Measure is a MeasureKernel with hidden params.
type Measure struct {
	Sums   func(params any, x *Pass, b *Block) ([]float64, error)
	Join   func(into, later []float64)
	Finish func(params any, in []Header, records []Record) (Metrics, error)
}

func (s Spec[P]) op() (*Op, error) {
	o := &Op{Name: s.Name, Summary: s.Summary, Doc: s.Doc, Source: s.Source, Example: s.Example, Metrics: s.Metrics, Joint: s.Joint,
		Version: s.Version, Where: s.Where, Random: s.Random, Drop: s.Drop, Adapters: s.Adapters, Needs: s.Needs,
		New: func() any { return new(P) }, Study: s.Study.hide()}
	o.Check = func(p any) []schema.Problem {
		if s.Check == nil {
			return nil
		}
		return s.Check(p.(*P))
	}
	o.Sequential = func(p any) bool { return s.Sequential != nil && s.Sequential(p.(*P)) }
	o.Plan = func(p any, in []Header) ([]Unit, error) {
		if s.Plan == nil {
			return SameNames(in)
		}
		return s.Plan(p.(*P), in)
	}
	o.Ride = func(p any, in []Header, out *tensor.Model) error {
		if s.Ride == nil {
			return nil
		}
		return s.Ride(p.(*P), in, out)
	}
	if s.Carry != nil {
		o.Carry = func(p any, in []Header) ([]Pick, error) { return s.Carry(p.(*P), in) }
	}
	return o, s.kernel(o)
}

func (s Spec[P]) kernel(o *Op) error {
	n := 0
	if s.Rows != nil {
		n++
		o.Rows = s.Rows.hide()
	}
	if s.Whole != nil {
		n++
		o.Scope = s.Whole.Scope
		o.Whole = s.Whole.hide()
	}
	if s.Select != nil {
		n++
		o.Scope = Model
		o.Select = func(p any, in []Header) ([]Pick, error) { return s.Select(p.(*P), in) }
	}
	if s.Measure != nil {
		n++
		o.Measure = s.Measure.hide()
	}
	if s.Score != nil {
		n++
		o.Scope = Model
		o.Score = s.Score.hide()
	}
	if s.Needs&^Cosines != 0 && s.Rows == nil && s.Whole == nil || s.Needs&Cosines != 0 && s.Select == nil {
		return fmt.Errorf("op %s needs statistics that its kernel does not get: Rows and Whole get those of inputs, Select gets cosines", s.Name)
	}
	if n != 1 {
		return fmt.Errorf("op %s has %d kernels: set exactly one of Rows, Whole, Select, Measure and Score", s.Name, n)
	}
	return nil
}

func (k *RowKernel[P]) hide() *Kernel {
	return &Kernel{
		Extent: func(p any) Scope {
			switch {
			case k.Prepare == nil:
				return Rows
			case k.Extent == nil:
				return Tensor
			}
			return k.Extent(p.(*P))
		},
		Prepare: func(ctx context.Context, members []Scan) ([]State, error) {
			typed := make([]Member[P], len(members))
			for i, m := range members {
				typed[i] = Member[P]{Params: m.Params.(*P), Scan: m}
			}
			return k.Prepare(ctx, typed)
		},
		Run: func(p any, x *Pass, b *Block) error { return k.Run(p.(*P), x, b) },
	}
}

func (k *WholeKernel[P]) hide() *Whole {
	return &Whole{
		Memory: func(p any, x *Pass) int64 {
			if k.Memory == nil {
				return 0
			}
			return k.Memory(p.(*P), x)
		},
		Run: func(ctx context.Context, p any, x *Pass, in, out []Matrix) error {
			return k.Run(ctx, p.(*P), x, in, out)
		},
	}
}

func (k *MeasureKernel[P]) hide() *Measure {
	join := k.Join
	if join == nil {
		join = addTo
	}
	return &Measure{
		Sums:   func(p any, x *Pass, b *Block) ([]float64, error) { return k.Sums(p.(*P), x, b) },
		Join:   join,
		Finish: func(p any, in []Header, r []Record) (Metrics, error) { return k.Finish(p.(*P), in, r) },
	}
}

func addTo(into, later []float64) {
	for i, v := range later {
		into[i] += v
	}
}
