package engine

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/rouxml/roux/recipes"
	"github.com/rouxml/roux/tensor"
)

// opening is a model that is being opened, or what became of it.
type opening struct {
	model  *tensor.Model
	closer io.Closer
	err    error
}

// addModels opens the recipe's models, those on this machine side by side:
// reading headers takes most of the time of a plan. What must be fetched comes
// one after the other, so that its progress can be followed.
func (p *Plan) addModels(ctx context.Context) error {
	all := make([]opening, len(p.Recipe.Models))
	var wg sync.WaitGroup
	for i, m := range p.Recipe.Models {
		if _, err := os.Stat(m.Path); m.Recipe == nil && err == nil {
			wg.Go(func() { all[i].open(ctx, p.opt, m) })
		}
	}
	wg.Wait()
	for _, o := range all {
		if o.closer != nil {
			p.closers = append(p.closers, o.closer)
		}
	}
	for i, m := range p.Recipe.Models {
		if err := p.addModel(ctx, m, all[i]); err != nil {
			return err
		}
	}
	return nil
}

func (o *opening) open(ctx context.Context, opt Options, m recipes.Model) {
	o.model, o.closer, o.err = opt.Open(ctx, m)
}

func (p *Plan) addModel(ctx context.Context, m recipes.Model, o opening) error {
	if m.Recipe != nil {
		return p.addRecipe(ctx, m)
	}
	if o.model == nil && o.err == nil {
		if o.open(ctx, p.opt, m); o.closer != nil {
			p.closers = append(p.closers, o.closer)
		}
	}
	if o.err != nil {
		return fmt.Errorf("%s: model %s: %w", m.Pos, m.Name, o.err)
	}
	p.protect = append(p.protect, m.Path)
	for _, note := range o.model.Notes {
		p.opt.emit(Warning{Text: fmt.Sprintf("model %s: %s", m.Name, note)})
	}
	p.insert(inputNode(m.Name, o.model))
	return nil
}
