package ops

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/rng"
)

// Pass is what a kernel knows about the unit at hand. Curves in its params are
// numbers already. It is read-only and shared by goroutines. A tensor's role is
// not in it, for the key of what a kernel makes covers none: a Plan that needs
// roles has them in its Headers and says what follows from them in Unit.Args.
type Pass struct {
	Unit  Unit
	In    []tensor.Info // headers of the operands, in the order of Unit.In
	Ports int           // how many models the step takes
	State State         // from Prepare
	Op    string        // the op's name: the scope of random draws
	Seed  uint64        // the step's seed, or the recipe's
	// Stats are those of the first operand's input, when the op has needs and the
	// step calibrates: one, or one for each expert of a stack.
	Stats []*Stats

	keys sync.Map // rng.Key by [2]string of role and stream
	held atomic.Value
}

// Out returns the header of the first output.
func (x *Pass) Out() tensor.Info { return x.Unit.Out[0] }

// Key returns the key of a stream of random draws for this tensor. The role is
// the part that the draws play, such as "model 2"; equal keys give equal draws
// whatever the order of work.
func (x *Pass) Key(role, stream string) rng.Key {
	name := [2]string{role, stream}
	if k, ok := x.keys.Load(name); ok {
		return k.(rng.Key)
	}
	k := rng.NewKey(x.Seed, x.Op, role, x.Out().Name, stream)
	x.keys.Store(name, k)
	return k
}

// holding makes every value of one type, as atomic.Value wants it.
type holding struct{ v any }

// Hold keeps what a Prepare found, beside its state, for the rows of this
// tensor: they may be shown it, and must not need it. Its memory is that of
// Scan.Hold. Nil lets go of it.
func (x *Pass) Hold(v any) { x.held.Store(holding{v}) }

// Held returns what is held, or nil.
func (x *Pass) Held() any {
	h, _ := x.held.Load().(holding)
	return h.v
}

// Member is one unit in the extent that Prepare sees, with its params.
type Member[P any] struct {
	Params *P
	Scan   Scan
}

// Scan is a way through the operands of one unit.
type Scan struct {
	Params any
	Pass   *Pass
	// Each calls f for every block of the operands, from several goroutines
	// and in any order; what f gathers must not depend on the order. When
	// operands are named, by index, only those are read and the others are nil.
	Each func(ctx context.Context, f func(b *Block) error, operands ...int) error
	// Hold returns memory with undefined contents that is there until the rows of
	// this unit are computed, for what Prepare lets its Pass hold: of n words, up
	// to HoldMemory in all. It is nil where there is none.
	Hold func(n int) []uint64
	// Blocks is how many blocks Each calls f with.
	Blocks int
	// At calls f once with any range of rows, whose Index says nothing.
	At func(ctx context.Context, row, rows int, f func(b *Block) error, operands ...int) error
}

// PrepareMemory is how many bytes a Prepare may hold beside the blocks that it
// is shown, and HoldMemory how many of these may be held on for the rows.
const (
	PrepareMemory = 32 << 20
	HoldMemory    = PrepareMemory / 2
)
