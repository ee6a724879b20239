package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"

	"github.com/rouxml/roux/recipes"
	"github.com/rouxml/roux/tensor"
)

// opened is a model of the recipe and what closes its files.
type opened struct {
	model  *tensor.Model
	closer io.Closer
	err    error
}

// openAll opens the recipe's models side by side: a header is parsed, or a file
// fetched, while another is waited for. One that fails ends what the others
// fetch. What opened is the plan's to close, whatever failed beside it.
func (p *Plan) openAll(ctx context.Context) ([]opened, error) {
	models := make([]opened, len(p.Recipe.Models))
	g, fetching := errgroup.WithContext(ctx)
	g.SetLimit(p.opt.Workers)
	for i, m := range p.Recipe.Models {
		if m.Recipe == nil {
			g.Go(func() error { models[i] = p.open(fetching, m); return models[i].err })
		}
	}
	first := g.Wait()
	var errs []error
	for _, m := range models {
		if m.closer != nil {
			p.closers = append(p.closers, m.closer)
		}
		if !errors.Is(m.err, context.Canceled) {
			errs = append(errs, m.err)
		}
	}
	if err := cmp.Or(ctx.Err(), errors.Join(errs...), first); err != nil {
		return nil, err
	}
	return models, nil
}

func (p *Plan) open(ctx context.Context, m recipes.Model) opened {
	model, closer, err := p.opt.Open(ctx, m)
	if err != nil {
		return opened{err: fmt.Errorf("%s: model %s: %w", m.Pos, m.Name, err)}
	}
	return opened{model: model, closer: closer}
}
