package opstest

import (
	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/tensor"
)

// picked makes the tensors that an op passes on.
func picked(picks []ops.Pick, headers []ops.Header, models []Model) Model {
	var out Model
	for _, p := range picks {
		if p.Pieces == nil {
			info, _ := headers[p.From.Port].Info(p.From.Name)
			info.Name = p.Name
			out = append(out, Matrix{info, models[p.From.Port].Find(p.From.Name)})
			continue
		}
		first, _ := headers[p.Pieces[0].From.Port].Info(p.Pieces[0].From.Name)
		m := Matrix{Info: tensor.Info{Name: p.Name, DType: first.DType, Shape: p.Shape}}
		for _, piece := range p.Pieces {
			cols := p.Shape.Cols()
			m.Data = append(m.Data, models[piece.From.Port].Find(piece.From.Name)[piece.Row*cols:(piece.Row+piece.Rows)*cols]...)
		}
		out = append(out, m)
	}
	return out
}

// carry runs the units, behind what the op passes on.
func (x *executor) carry(params any, units []ops.Unit, headers []ops.Header) (Model, error) {
	out, err := x.run(params, units)
	if err != nil || x.op.Carry == nil {
		return out, err
	}
	picks, err := x.op.Carry(params, headers)
	return append(picked(picks, headers, x.models), out...), err
}
