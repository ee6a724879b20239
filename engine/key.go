package engine

import (
	"context"
	"fmt"
	"math"

	"golang.org/x/sync/errgroup"

	"github.com/rouxml/roux/engine/cas"
	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/kernel/cpu"
)

// keyVersion is raised when what a key covers changes.
const keyVersion = 2

// key names what a cell holds: equal keys mean equal stored bytes.
func (c *cell) key(ctx context.Context) (cas.Key, error) {
	if c.cast != nil {
		k, err := c.cast.key(ctx)
		return cas.NewHash("cast").String(c.info.DType.String()).Key(k).Sum(), err
	}
	if c.parts != nil {
		return c.joinedKey(ctx)
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

// keysOf returns the keys of many cells, made on all cores.
func keysOf(ctx context.Context, cells []*cell) ([]cas.Key, error) {
	const chunk = 4096
	keys := make([]cas.Key, len(cells))
	var g errgroup.Group
	g.SetLimit(cpu.Cores())
	for from := 0; from < len(cells); from += chunk {
		g.Go(func() error {
			for i := from; i < min(from+chunk, len(cells)); i++ {
				var err error
				if keys[i], err = cells[i].key(ctx); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return keys, g.Wait()
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
// not threads, memory, paths, labels or the build. A threshold over a layer or
// a model depends on all of its members.
func (a *action) actionKey(ctx context.Context) (cas.Key, error) {
	if a.group == nil || a.group.scope <= ops.Tensor {
		return a.ownKey(ctx)
	}
	return a.whole.get(func() (cas.Key, error) {
		own, err := a.ownKey(ctx)
		if err != nil {
			return cas.Key{}, err
		}
		all, err := a.group.stateKey(ctx)
		return cas.NewHash("grouped").Key(own).Int(int64(a.member)).Key(all).Sum(), err
	})
}

// ownKey covers one unit and the statistics, or the study, that it is computed
// with.
func (a *action) ownKey(ctx context.Context) (cas.Key, error) {
	if a.calib == nil && !a.pass.Unit.Study {
		return a.bareKey(ctx)
	}
	return a.own.get(func() (cas.Key, error) {
		bare, err := a.bareKey(ctx)
		if err != nil {
			return cas.Key{}, err
		}
		if bare, err = a.studyKey(ctx, bare); err != nil || a.calib == nil {
			return bare, err
		}
		all, err := a.calib.key(ctx)
		h := cas.NewHash("calibrated").Key(bare).Key(all)
		for _, i := range a.calib.of(a) {
			h.Int(int64(i))
		}
		return h.Sum(), err
	})
}

// bareKey covers one unit: the op, its params and what it reads.
func (a *action) bareKey(ctx context.Context) (cas.Key, error) {
	return a.bare.get(func() (cas.Key, error) {
		op := a.node.op
		h := cas.NewHash("action").Int(keyVersion).String(op.Name).Int(int64(op.Version)).Bytes(a.canonical)
		for _, info := range a.pass.Unit.Out {
			hashInfo(h, info)
		}
		for _, v := range a.pass.Unit.Args {
			h.Int(int64(math.Float64bits(v)))
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
			hashRows(h, a.rowMap(i))
		}
		return h.Sum(), nil
	})
}

// stateKey names the states of a group.
func (g *group) stateKey(ctx context.Context) (cas.Key, error) {
	return g.key.get(func() (cas.Key, error) {
		h := cas.NewHash("state")
		for _, a := range g.members {
			k, err := a.ownKey(ctx)
			if err != nil {
				return cas.Key{}, err
			}
			h.Key(k)
		}
		return h.Sum(), nil
	})
}
