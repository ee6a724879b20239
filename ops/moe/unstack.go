package moe

import (
	"fmt"
	"strings"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/schema"
	"github.com/rouxml/roux/tensor"
)

type unstack struct {
	Model schema.Ref `yaml:"model" previous:"" doc:"mixture whose experts are fused"`
	Names string     `yaml:"names" default:"auto" check:"enum=auto|mixtral|qwen" doc:"block_sparse_moe.experts.0.w1 or mlp.experts.0.gate_proj; auto: as the config's model_type has them"`
}

func init() {
	ops.Add(&Set, ops.Spec[unstack]{
		Name: "moe.unstack", Version: 1,
		Summary: "Gives each expert tensors of its own.",
		Doc: "The reverse of moe.stack: mlp.experts.gate_up_proj and mlp.experts.down_proj become a gate, an up and a down projection for each expert, " +
			"as vLLM, llama.cpp and transformers before 5 read them. Nothing is computed.",
		Source:  "transformers 5, conversion of checkpoints",
		Example: "op: moe.unstack\nmodel: mixture\n",
		Select:  unstackSelect,
	})
}

func unstackSelect(p *unstack, in []ops.Header) ([]ops.Pick, error) {
	f := families[len(families)-1]
	if p.Names == "mixtral" || p.Names == "auto" && modelType(in[0].Config) == families[0].name {
		f = families[0]
	}
	var picks []ops.Pick
	fused := 0
	for _, info := range in[0].Infos {
		more, err := unfuse(f, in[0], info)
		if err != nil {
			return nil, err
		}
		if more != nil {
			fused++
		} else {
			more = []ops.Pick{{Name: f.routerName(info.Name), From: ops.Operand{Port: 0, Name: info.Name}}}
		}
		picks = append(picks, more...)
	}
	if fused == 0 {
		return nil, fmt.Errorf("%s has no fused experts (tensors such as model.layers.0.mlp.experts.gate_up_proj): do they lie one by one already?", in[0].Name)
	}
	return picks, nil
}

// routerName renames a router for families that keep theirs elsewhere.
func (f family) routerName(name string) string {
	if layer, rest, ok := strings.Cut(name, ".mlp.gate."); ok {
		return layer + "." + f.block + ".gate." + rest
	}
	return name
}

// unfuse cuts one fused tensor up; it returns nil for any other.
func unfuse(f family, h ops.Header, info tensor.Info) ([]ops.Pick, error) {
	layer, isGateUp := strings.CutSuffix(info.Name, fusedGateUp)
	if !isGateUp {
		var isDown bool
		if layer, isDown = strings.CutSuffix(info.Name, fusedDown); !isDown {
			return nil, nil
		}
	}
	gateUp, ok1 := h.Info(layer + fusedGateUp)
	down, ok2 := h.Info(layer + fusedDown)
	if !ok1 || !ok2 || !fit(gateUp.Shape, down.Shape) {
		return nil, fmt.Errorf("%s: fused experts of %v and %v: want [experts, 2 width, hidden] and [experts, hidden, width]", layer, gateUp.Shape, down.Shape)
	}
	kinds := []tensor.Kind{tensor.MLPDown}
	if isGateUp {
		kinds = []tensor.Kind{tensor.MLPGate, tensor.MLPUp}
	}
	rows := info.Shape[1] / len(kinds)
	var picks []ops.Pick
	for e := range info.Shape[0] {
		for i, kind := range kinds {
			piece := ops.Piece{From: ops.Operand{Port: 0, Name: info.Name}, Row: (e*len(kinds) + i) * rows, Rows: rows}
			picks = append(picks, ops.Pick{Name: f.expert(layer, e, kind), Pieces: []ops.Piece{piece}, Shape: tensor.Shape{rows, info.Shape[2]}})
		}
	}
	return picks, nil
}

func fit(gateUp, down tensor.Shape) bool {
	return len(gateUp) == 3 && len(down) == 3 && gateUp[0] == down[0] && gateUp[1] == 2*down[2] && gateUp[2] == down[1]
}
