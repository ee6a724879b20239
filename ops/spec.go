package ops

import (
	"context"

	"github.com/rouxml/roux/schema"
	"github.com/rouxml/roux/tensor"
)

// Spec declares one op over its params struct P. Exactly one of Rows, Whole,
// Select, Measure and Score is set.
//
// The models that an op takes are the schema.Ref fields of P, in field order:
// they are its ports. The first port is the primary one: its config and files
// ride along, and tensors that the op does not touch are taken from it.
type Spec[P any] struct {
	Name    string // family and method, such as "merge.ties"
	Version int    // raised whenever output bytes may change; part of cache keys
	Summary string // one sentence
	Doc     string // what it computes, formulas, limits
	Source  string // paper or tool that it follows
	Example string // a recipe step in YAML

	// Metrics are the names of what the op measures for each of its models, with
	// spaces between; one that ends in * stands for all that begin so. Joint are
	// names beside those of models that metrics are filed under. A recipe's gates
	// are held to both before anything runs; without Metrics to neither.
	Metrics, Joint string

	// Where is the predicate that holds when a step gives no `where`.
	Where string
	// Random ops get the tensor's name and the seed into their cache keys.
	Random bool
	// Drop leaves out tensors that the op does not touch, instead of taking
	// them from the primary port.
	Drop bool
	// Adapters ops work on LoRA adapters; the others take whole models alone.
	Adapters bool

	// Needs are the statistics of each unit's first operand that the kernel finds
	// in its Pass, when the step names data in a schema.DataRef. Steps that
	// calibrate on the same model and data share one run. An op with Select finds
	// Cosines in its first Header, for which the model is run when the plan is
	// made: what they choose decides which tensors there are.
	Needs Need
	// Sequential says that a layer's statistics come from a model whose layers
	// before have been through the op already. Nil means never.
	Sequential func(p *P) bool

	// Study runs models before the units that say Study. Nil means that none do.
	Study *StudyKernel[P]

	// Check reports rules between fields; Path is relative to the step.
	Check func(p *P) []schema.Problem
	// Plan turns headers into units of work. It reads nothing else. Nil means
	// SameNames.
	Plan func(p *P, in []Header) ([]Unit, error)
	// Carry lists the tensors that pass through beside what the units yield. Nil
	// means all of the primary port that no unit makes anew.
	Carry func(p *P, in []Header) ([]Pick, error)
	// Ride edits what rides along with the weights: config, adapter, files.
	Ride func(p *P, in []Header, out *tensor.Model) error

	Rows    *RowKernel[P]
	Whole   *WholeKernel[P]
	Select  func(p *P, in []Header) ([]Pick, error)
	Measure *MeasureKernel[P]
	Score   *ScoreKernel[P]
}

// RowKernel computes any row range of a unit's single output from the same
// rows of its operands. The engine fuses it with its neighbours and runs
// blocks in parallel, in any order.
type RowKernel[P any] struct {
	// Prepare scans operands before any row is computed and returns one small
	// state for each member. Nil when rows need nothing but themselves.
	Prepare func(ctx context.Context, members []Member[P]) ([]State, error)
	// Extent says how much Prepare must see at once for these params: Rows
	// means that it is not needed. Nil means Tensor when Prepare is set.
	Extent func(p *P) Scope
	// Run fills b.Out, or b.Rec when the output is quantized.
	Run func(p *P, x *Pass, b *Block) error
}

// WholeKernel computes all outputs of a unit from its whole operands.
type WholeKernel[P any] struct {
	// Scope is Tensor or Layer; Plan makes the units to match.
	Scope Scope
	// Memory returns the bytes of workspace beside operands and outputs, which
	// the engine counts itself, all in float32. Nil means none.
	Memory func(p *P, x *Pass) int64
	// Run fills out, in the order of Unit.Out; in follows Unit.In.
	Run func(ctx context.Context, p *P, x *Pass, in, out []Matrix) error
}

// MeasureKernel yields metrics instead of a model.
type MeasureKernel[P any] struct {
	// Sums returns the accumulators of one block: always the same length.
	Sums func(p *P, x *Pass, b *Block) ([]float64, error)
	// Join folds a later block into an earlier one. Nil adds element by element.
	Join func(into, later []float64)
	// Finish turns the records of all units, in storage order, into metrics.
	Finish func(p *P, in []Header, records []Record) (Metrics, error)
}

// Record is what MeasureKernel.Sums came to over one unit.
type Record struct {
	Unit Unit
	Sums []float64
}

// State is the small result of a Prepare, kept by the cache.
type State []float64

// Matrix is a whole tensor in float32, row-major: Rows x Cols of Info.Shape.
type Matrix struct {
	Info tensor.Info
	Data []float32
}
