package edit

import (
	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/schema"
	"github.com/rouxml/roux/tensor"
)

type cast struct {
	Model schema.Ref `yaml:"model" previous:"" doc:"model to cast"`
	DType string     `yaml:"dtype" check:"enum=float64|float32|bfloat16|float16|float8_e4m3fn|float8_e5m2" doc:"dtype of the result's floats"`
}

func init() {
	ops.Add(&Set, ops.Spec[cast]{
		Name: "edit.cast", Version: 1,
		Summary: "Changes the dtype of float tensors.",
		Doc:     "Rounds to nearest even. What is too large for the dtype becomes infinite, in float8_e4m3fn 448, as torch 2.15 does it. Integer tensors stay. Quantized tensors become the values of their codes.",
		Source:  "torch.Tensor.to",
		Example: "op: edit.cast\ndtype: bfloat16\n",
		Plan:    castPlan, Adapters: true,
		Rows: &ops.RowKernel[cast]{Run: func(_ *cast, _ *ops.Pass, b *ops.Block) error {
			copy(b.Out, b.X(0)) // the engine rounds to the output's dtype
			return nil
		}},
	})
}

// castPlan leaves out plain tensors that have the dtype already: they pass through.
func castPlan(p *cast, in []ops.Header) ([]ops.Unit, error) {
	d, err := tensor.ParseDType(p.DType)
	if err != nil {
		return nil, err
	}
	units, err := ops.SameNames(in)
	var changed []ops.Unit
	for _, u := range units {
		if was, _ := in[0].Info(u.Out[0].Name); was.DType != d || was.Quant != nil {
			u.Out[0].DType = d
			changed = append(changed, u)
		}
	}
	return changed, err
}
