package ops

import (
	"context"

	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/kernel"
	"github.com/rouxml/roux/tensor/rng"
)

// Pass is what a kernel knows about the unit at hand. Curves in its params are
// numbers already. It is read-only and shared by goroutines.
type Pass struct {
	Unit  Unit
	In    []tensor.Info // headers of the operands, in the order of Unit.In
	Ports int           // how many models the step takes
	Role  tensor.Role   // of the first output
	State State         // from Prepare
	Op    string        // the op's name: the scope of random draws
	Seed  uint64        // the step's seed, or the recipe's
}

// Out returns the header of the first output.
func (x *Pass) Out() tensor.Info { return x.Unit.Out[0] }

// Key returns the key of a stream of random draws for this tensor. The role is
// the part that the draws play, such as "model 2"; equal keys give equal draws
// whatever the order of work.
func (x *Pass) Key(role, stream string) rng.Key {
	return rng.NewKey(x.Seed, x.Op, role, x.Out().Name, stream)
}

// Block is a range of whole rows. Its slices belong to the engine and are only
// valid during the call.
type Block struct {
	Index      int // position in the partition of the tensor, which depends on its shape alone
	Row, Rows  int
	Cols       int
	In         [][]float32 // one slice of Rows x Cols for each operand; the kernel may overwrite them
	Out        []float32   // Rows x Cols; nil in Prepare and Measure
	Rec        []byte      // Rows records when the output is quantized
	NewScratch func(n int) []float32
	NewMask    func(n int) kernel.Mask
}

// Start returns the element index of the block's first element.
func (b *Block) Start() int { return b.Row * b.Cols }

// Scratch returns a buffer of n floats with undefined contents that lives as
// long as the block.
func (b *Block) Scratch(n int) []float32 { return b.NewScratch(n) }

// Mask returns a mask of n elements with undefined contents that lives as long
// as the block.
func (b *Block) Mask(n int) kernel.Mask { return b.NewMask(n) }

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
	// Blocks is how many blocks Each calls f with.
	Blocks int
	// At calls f once with any range of rows, whose Index says nothing.
	At func(ctx context.Context, row, rows int, f func(b *Block) error, operands ...int) error
}

// PrepareMemory is how many bytes a Prepare may hold beside the blocks that it
// is shown.
const PrepareMemory = 32 << 20
