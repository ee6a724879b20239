package engine

import (
	"context"
	"fmt"

	"github.com/rouxml/roux/engine/cas"
	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/schema"
	"github.com/rouxml/roux/tensor"
)

// keyVersion is raised when what a key covers changes.
const keyVersion = 1

// key names what a cell holds: equal keys mean equal stored bytes.
func (c *cell) key(ctx context.Context) (cas.Key, error) {
	if c.cast != nil {
		k, err := c.cast.key(ctx)
		return cas.NewHash("cast").String(c.info.DType.String()).Key(k).Sum(), err
	}
	if c.leaf != nil {
		return leafKey(ctx, c.leaf)
	}
	k, err := c.act.actionKey(ctx)
	if err != nil {
		return cas.Key{}, err
	}
	return cas.NewHash("cell").Key(k).Int(int64(c.out)).Sum(), nil
}

func leafKey(ctx context.Context, t tensor.Tensor) (cas.Key, error) {
	id, ok := t.(tensor.Identified)
	if !ok {
		return cas.Key{}, fmt.Errorf("tensor %s cannot be identified", t.Info().Name)
	}
	s, err := id.ID(ctx)
	if err != nil {
		return cas.Key{}, err
	}
	h := cas.NewHash("leaf").String(s)
	return hashInfo(h, t.Info()).Sum(), nil
}

// hashInfo covers all of a header but the name, which changes no bytes.
func hashInfo(h *cas.Hash, i tensor.Info) *cas.Hash {
	h.String(i.DType.String()).Int(int64(len(i.Shape)))
	for _, d := range i.Shape {
		h.Int(int64(d))
	}
	if i.Quant != nil {
		h.String(i.Quant.String())
	}
	return h
}

// actionKey covers everything that the outputs depend on, and nothing else:
// not threads, memory, paths, labels or the build.
func (a *action) actionKey(ctx context.Context) (cas.Key, error) {
	a.keyOnce.Do(func() { a.key, a.keyErr = a.computeKey(ctx) })
	return a.key, a.keyErr
}

func (a *action) computeKey(ctx context.Context) (cas.Key, error) {
	own, err := a.ownKey(ctx)
	if err != nil || a.group == nil || a.group.scope <= ops.Tensor {
		return own, err
	}
	// A threshold over a layer or a model depends on all of its members.
	h := cas.NewHash("grouped").Key(own).Int(int64(a.member))
	for _, m := range a.group.members {
		k, err := m.ownKey(ctx)
		if err != nil {
			return cas.Key{}, err
		}
		h.Key(k)
	}
	return h.Sum(), nil
}

func (a *action) ownKey(ctx context.Context) (cas.Key, error) {
	params, err := schema.Canonical(a.params)
	if err != nil {
		return cas.Key{}, err
	}
	op := a.node.op
	h := cas.NewHash("action").Int(keyVersion).String(op.Name).Int(int64(op.Version)).Bytes(params)
	for _, info := range a.pass.Unit.Out {
		hashInfo(h, info)
	}
	if op.Random {
		h.Int(int64(a.pass.Seed)).String(a.pass.Out().Name)
	}
	for i, c := range a.in {
		k, err := c.key(ctx)
		if err != nil {
			return cas.Key{}, err
		}
		h.Int(int64(a.pass.Unit.In[i].Port)).Key(k)
	}
	return h.Sum(), nil
}

// stateKey names the states of a group.
func (g *group) stateKey(ctx context.Context) (cas.Key, error) {
	h := cas.NewHash("state")
	for _, a := range g.members {
		k, err := a.ownKey(ctx)
		if err != nil {
			return cas.Key{}, err
		}
		h.Key(k)
	}
	return h.Sum(), nil
}
