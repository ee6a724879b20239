package nn

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/kernel"
)

// Rows is a matrix that a hook sees. It may read it until it returns; only
// where the hook says so may it write.
type Rows struct {
	Layer int // -1: the embedding
	First int // the batch's row that is the first; -1 for rows of an expert
	N     int // rows
	Cols  int
	Step  int // elements from one row to the next
	X     []float32
}

// Row returns row i.
func (r Rows) Row(i int) []float32 { return r.X[i*r.Step : i*r.Step+r.Cols] }

// Input is what a linear layer, or several of one input, is about to multiply.
// Inputs are named: "attn.in" (q, k, v), "attn.out" (o), "ffn.in" (gate, up),
// "ffn.mid" (down), "moe.in" (the router), and with Expert "expert.in" and
// "expert.mid" of the rows that the router sent there.
type Input struct {
	Rows
	Name    string
	Weights []string // the tensors that it is multiplied by
	Expert  int      // -1: none
	Routes  []float32
}

// Hooks are called while a batch runs, from one goroutine, layer by layer and
// within a layer by ascending rows. Nil ones are not called; an error ends the
// run.
type Hooks struct {
	// Hidden sees the hidden states behind the embedding and behind each
	// layer, and may change them.
	Hidden func(Rows) error
	// Input sees the input of every linear layer of the blocks: statistics for
	// calibration. A shared beginning is not shared then: every token counts.
	Input func(Input) error
	// Router sees a router's logits and may change them.
	Router func(Rows) error
	// Branch returns the factor of a layer's branch, 0 for attention and 1 for
	// feed-forward, before it is added: 1 leaves it, 0 drops it.
	Branch func(layer, branch int) float32
	// Replace is called when a layer has run, and may return other weights for
	// it, by the names that the model has: the layer then runs again with those,
	// unseen by Input, and the next takes what comes of that. Hidden states take
	// twice their memory for it.
	Replace func(layer int) (tensor.Source, error)
}

// Run takes a batch of sequences through all blocks and returns the hidden
// states. It keeps 4 bytes times the hidden size for each token, and the
// buffers of one group (see GroupRows). Sequences that begin as the one before
// them, by at least 8 tokens, share that part of the work.
func (m *Model) Run(ctx context.Context, batch [][]int32, h Hooks) (*States, error) {
	if err := m.check(batch, 0); err != nil {
		return nil, err
	}
	share := h.Input == nil && h.Hidden == nil && h.Router == nil && h.Replace == nil && !m.arch.Encoder && !m.byLength()
	p := layOut(batch, GroupRows, share)
	x, err := m.options.newHidden(p.rows * m.arch.Hidden)
	if err != nil {
		return nil, err
	}
	r := m.newRunner(p.groups, h, map[tableKey]*table{})
	if err := r.through(ctx, x, p.groups); err != nil {
		return nil, errors.Join(err, x.close())
	}
	r.finish(x.x, p.rows)
	return &States{model: m, plan: p, batch: batch, hidden: x}, nil
}

// byLength says that a token's angles depend on the length of its sequence.
func (m *Model) byLength() bool {
	for _, l := range m.arch.layers {
		if l.rope != nil && l.rope.byLength() {
			return true
		}
	}
	return false
}

// runner is one run: its buffers and angles.
type runner struct {
	*Model
	hooks  Hooks
	tables map[tableKey]*table
	buf    buffers
	block  *block
	number int // of the block
}

func (m *Model) newRunner(groups []group, h Hooks, tables map[tableKey]*table) *runner {
	r := &runner{Model: m, hooks: h, tables: tables}
	for _, g := range groups {
		for _, s := range g.segments {
			r.prepare(s)
		}
	}
	return r
}

// through takes the embedding of all groups and then one block after the other.
func (r *runner) through(ctx context.Context, at *hidden, groups []group) error {
	x := at.x
	h := r.arch.Hidden
	for _, g := range groups {
		for _, s := range g.segments {
			if err := r.embed(x[s.row*h:(s.row+len(s.tokens))*h], s); err != nil {
				return err
			}
		}
		if err := r.after(-1, x, g); err != nil {
			return err
		}
	}
	load := r.loader(ctx)
	defer load.stop()
	for i := range r.arch.Layers {
		b, err := load.next()
		if err != nil {
			return err
		}
		r.block, r.number = b, i
		if r.hooks.Replace != nil {
			err = r.twice(ctx, at, groups)
		} else {
			err = r.layer(ctx, at, groups)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// layer takes all groups through the block.
func (r *runner) layer(ctx context.Context, at *hidden, groups []group) error {
	h := r.arch.Hidden
	for _, g := range groups {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := r.run(at.x[g.row*h:(g.row+g.n)*h], g); err != nil {
			return err
		}
		if err := r.after(r.number, at.x, g); err != nil {
			return err
		}
		at.rest(g.row*h, (g.row+g.n)*h)
	}
	return nil
}

// twice takes all groups through the block and, where Replace has other weights
// for it, once more through those.
func (r *runner) twice(ctx context.Context, at *hidden, groups []group) error {
	before, err := r.options.newHidden(len(at.x))
	if err != nil {
		return err
	}
	copy(before.x, at.x)
	show := r.hooks
	if err = r.layer(ctx, at, groups); err == nil {
		err = r.replaced(ctx, at, before, groups)
	}
	r.hooks = show
	return errors.Join(err, before.close())
}

func (r *runner) replaced(ctx context.Context, at, before *hidden, groups []group) error {
	src, err := r.hooks.Replace(r.number)
	if err != nil || src == nil {
		return err
	}
	b, err := r.loadBlock(&reader{source: src, used: map[string]bool{}}, r.number)
	if err != nil {
		return fmt.Errorf("replaced weights: %w", err)
	}
	copy(at.x, before.x)
	r.block, r.hooks.Input = b, nil
	return r.layer(ctx, at, groups)
}

// after looks at the hidden states behind layer i, -1 being the embedding.
func (r *runner) after(i int, x []float32, g group) error {
	h := r.arch.Hidden
	part := x[g.row*h : (g.row+g.n)*h]
	if r.hooks.Hidden != nil {
		if err := r.hooks.Hidden(Rows{Layer: i, First: g.row, N: g.n, Cols: h, Step: h, X: part}); err != nil {
			return err
		}
	}
	if nan, inf := kernel.CountNonFinite(part); nan+inf == 0 {
		return nil
	}
	for at, v := range part {
		if v := float64(v); math.IsNaN(v) || math.IsInf(v, 0) {
			where := fmt.Sprintf("layer %d is the first with", i)
			if i < 0 {
				where = "the embedding already has"
			}
			return fmt.Errorf("%s a hidden state that is %v, in row %d of the batch, channel %d: the weights are damaged or overflow", where, v, g.row+at/h, at%h)
		}
	}
	return nil
}

// finish takes the last normalisation.
func (r *runner) finish(x []float32, rows int) {
	if n := r.outside.final; n != nil {
		n.rows(x, r.arch.Hidden, x, r.arch.Hidden, rows, r.options.Workers)
	}
}
