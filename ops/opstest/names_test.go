package opstest

import (
	"testing"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/schema"
	"github.com/rouxml/roux/tensor/rng"
)

type noise struct {
	Model schema.Ref `yaml:"model" doc:"model"`
}

// noisy is an op that adds noise whose key comes from key.
func noisy(t *testing.T, key func(*ops.Pass) rng.Key) *ops.Op {
	t.Helper()
	var set ops.Set
	ops.Add(&set, ops.Spec[noise]{Name: "test.noise", Version: 1, Summary: "s", Doc: "d", Source: "s", Example: "e", Random: true,
		Rows: &ops.RowKernel[noise]{Run: func(_ *noise, x *ops.Pass, b *ops.Block) error {
			k := key(x)
			for i, v := range b.X(0) {
				b.Out[i] = v + k.Uniform(b.Start()+i)
			}
			return nil
		}}})
	reg, err := ops.NewRegistry(&set)
	if err != nil {
		t.Fatal(err)
	}
	op, _ := reg.Op("test.noise")
	return op
}

// TestNamesMatter: an op that takes its draws from Pass.Key passes, one whose
// draws know the seed alone does not.
func TestNamesMatter(t *testing.T) {
	params := &noise{Model: schema.Ref{Name: "a"}}
	if err := NamesMatter(noisy(t, func(x *ops.Pass) rng.Key { return x.Key("model", "noise") }), params, Random(1)); err != nil {
		t.Error(err)
	}
	if NamesMatter(noisy(t, func(x *ops.Pass) rng.Key { return rng.NewKey(x.Seed, x.Op, "model", "", "noise") }), params, Random(1)) == nil {
		t.Error("draws that ignore the tensor's name pass")
	}
}
