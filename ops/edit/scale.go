package edit

import (
	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/schema"
	"github.com/rouxml/roux/tensor/kernel"
)

type scale struct {
	Model schema.Ref   `yaml:"model" previous:"" doc:"model to scale"`
	Scale schema.Curve `yaml:"scale" doc:"factor of every element"`
}

func init() {
	ops.Add(&Set, ops.Spec[scale]{
		Name: "edit.scale", Version: 1,
		Summary: "Multiplies tensors by a number.",
		Doc:     "y = scale * x in float32.",
		Source:  "mergekit passthrough with scale",
		Example: "op: edit.scale\nscale: 0.9\nwhere: kind == \"mlp.down\"\n",
		Rows: &ops.RowKernel[scale]{Run: func(p *scale, _ *ops.Pass, b *ops.Block) error {
			kernel.ScaleTo(b.Out, float32(p.Scale.Value()), b.X(0))
			return nil
		}},
	})
}
