package engine

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/rouxml/roux/ops"
)

// kept says whether a group's states go into the cache: those of a single
// tensor cost no more to find again than its rows to compute.
func (g *group) kept() bool { return g.scope > ops.Tensor }

// prepare makes sure that the states of a group are known: from the cache, or
// by scanning all of its members, which may hold some of their memory until
// their rows are computed.
func (r *run) prepare(ctx context.Context, g *group, hold func(int) []uint64) error {
	return g.run.do(ctx, func(ctx context.Context) error {
		key, err := g.stateKey(ctx)
		if err != nil {
			return err
		}
		states, hit := r.cachedStates(g, key)
		if !hit {
			if states, err = r.scan(ctx, g, hold); err != nil {
				return g.node.place(g.subject(), err)
			}
			r.keepStates(g, key, states)
		}
		for i, a := range g.members {
			a.pass.State = states[i]
		}
		return nil
	})
}

// subject names what a group is about, for errors.
func (g *group) subject() string {
	if g.scope == ops.Tensor {
		return g.members[0].pass.Out().Name
	}
	return fmt.Sprintf("%s and %d others", g.members[0].pass.Out().Name, len(g.members)-1)
}

func (r *run) scan(ctx context.Context, g *group, hold func(int) []uint64) ([]ops.State, error) {
	members := make([]ops.Scan, len(g.members))
	for i, a := range g.members {
		if err := r.equipped(ctx, a); err != nil {
			return nil, err
		}
		part := a.partition()
		members[i] = ops.Scan{Params: a.params, Pass: a.pass, Hold: hold, Blocks: part.count,
			Each: func(ctx context.Context, f func(*ops.Block) error, operands ...int) error {
				return r.crew.each(ctx, part.count, func(i int) error {
					row, n := part.span(i)
					return r.visit(ctx, a, row, n, f, operands...)
				})
			},
			At: func(ctx context.Context, row, rows int, f func(*ops.Block) error, operands ...int) error {
				return r.visit(ctx, a, row, rows, f, operands...)
			}}
	}
	states, err := g.node.op.Rows.Prepare(ctx, members)
	if err == nil && len(states) != len(members) {
		err = fmt.Errorf("op %s prepared %d states for %d tensors", g.node.op.Name, len(states), len(members))
	}
	return states, err
}

// visit loads rows of an action's operands and shows them to f.
func (r *run) visit(ctx context.Context, a *action, row, n int, f func(*ops.Block) error, operands ...int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	l := r.leases.get()
	defer r.leases.put(l)
	b, err := r.load(ctx, l, a, row, n, operands...)
	if err != nil {
		return err
	}
	r.blocks.Add(1)
	return f(b)
}

func (r *run) cachedStates(g *group, key [32]byte) ([]ops.State, bool) {
	if !g.kept() {
		return nil, false
	}
	text, ok := r.opt.Cache.GetBytes(key)
	if !ok {
		return nil, false
	}
	var states []ops.State
	if json.Unmarshal(text, &states) != nil || len(states) != len(g.members) {
		return nil, false
	}
	r.hits.Add(1)
	return states, true
}

// keepStates stores states; a cache that cannot be written only costs time.
func (r *run) keepStates(g *group, key [32]byte, states []ops.State) {
	if !g.kept() {
		return
	}
	text, err := json.Marshal(states)
	if err != nil {
		return // states with NaN or Inf are not worth keeping
	}
	if err := r.opt.Cache.PutBytes(key, text, g.node.op.Name+" state"); err != nil {
		r.opt.emit(Warning{Text: "cache: " + err.Error()})
	}
}
