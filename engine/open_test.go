package engine

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/rouxml/roux/recipes"
	"github.com/rouxml/roux/tensor"
)

// TestOpenAll: whatever keeps models from being opened is an error, also one that
// calls itself cancelled, and a run that is cancelled when all are open.
func TestOpenAll(t *testing.T) {
	for name, c := range map[string]struct {
		open func(cancel func(), name string) error
		want string
	}{
		"all open":         {func(func(), string) error { return nil }, ""},
		"one fails":        {func(_ func(), name string) error { return map[string]error{"b": io.ErrUnexpectedEOF}[name] }, "model b: unexpected EOF"},
		"one is cancelled": {func(_ func(), name string) error { return map[string]error{"b": context.Canceled}[name] }, "model b: context canceled"},
		"cancelled at the end": {func(cancel func(), _ string) error {
			cancel()
			return nil
		}, "context canceled"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			p := &Plan{Recipe: &recipes.Recipe{Models: []recipes.Model{{Name: "a"}, {Name: "b"}}}, opt: Options{Workers: 2,
				Open: func(_ context.Context, m recipes.Model) (*tensor.Model, io.Closer, error) {
					return &tensor.Model{}, nil, c.open(cancel, m.Name)
				}}}
			models, err := p.openAll(ctx)
			if c.want == "" {
				if err != nil || len(models) != 2 || models[1].model == nil {
					t.Errorf("%v %v", models, err)
				}
			} else if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
			if errors.Is(err, context.Canceled) != strings.Contains(c.want, "canceled") {
				t.Errorf("%v", err)
			}
		})
	}
}
