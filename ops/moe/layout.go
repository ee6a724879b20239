package moe

import (
	"fmt"
	"strconv"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/schema"
	"github.com/rouxml/roux/tensor"
)

// Fused mixtures hold the experts of a layer in two tensors: gate_up_proj of
// [experts, 2 width, hidden], whose rows are the gate of the first expert, its
// up projection, the gate of the second and so on, and down_proj of [experts,
// hidden, width]. Rows stay whole, so that the one layout is the other with
// rows in other tensors.
const (
	fusedGateUp = ".mlp.experts.gate_up_proj"
	fusedDown   = ".mlp.experts.down_proj"
)

// alone matches a part of one expert: what stands before the block, the block,
// the expert's number and the part.
var alone = schema.Pattern(`^(.*)\.(block_sparse_moe|mlp)\.experts\.(\d{1,5})\.(w1|w2|w3|gate_proj|up_proj|down_proj)\.weight$`)

// router matches the router of a Mixtral.
var router = schema.Pattern(`^(.*)\.block_sparse_moe\.gate\.(.*)$`)

// partOf is what the names of parts mean.
var partOf = map[string]tensor.Kind{"w1": tensor.MLPGate, "gate_proj": tensor.MLPGate, "w3": tensor.MLPUp, "up_proj": tensor.MLPUp, "w2": tensor.MLPDown, "down_proj": tensor.MLPDown}

type stack struct {
	Model schema.Ref `yaml:"model" previous:"" doc:"mixture whose experts lie one by one"`
}

func init() {
	ops.Add(&Set, ops.Spec[stack]{
		Name: "moe.stack", Version: 1,
		Summary: "Fuses the experts of each layer into two tensors.",
		Doc: "Experts as Mixtral (block_sparse_moe.experts.0.w1), Qwen and DeepSeek (mlp.experts.0.gate_proj) lay them out become mlp.experts.gate_up_proj of " +
			"[experts, 2 width, hidden] and mlp.experts.down_proj of [experts, hidden, width], as transformers 5 holds them. Nothing is computed: rows are only read in another order.",
		Source:  "transformers 5, conversion of checkpoints",
		Example: "op: moe.stack\nmodel: mixture\n",
		Select:  stackSelect,
	})
}

// layerExperts gathers the parts of one layer's experts.
type layerExperts struct {
	layer string
	parts map[int]map[tensor.Kind]tensor.Info
}

func stackSelect(_ *stack, in []ops.Header) ([]ops.Pick, error) {
	layers, err := expertsOf(in[0])
	if err != nil {
		return nil, err
	}
	var picks []ops.Pick
	for _, info := range in[0].Infos {
		m := alone().FindStringSubmatch(info.Name)
		if m == nil {
			name := router().ReplaceAllString(info.Name, "$1.mlp.gate.$2")
			picks = append(picks, ops.Pick{Name: name, From: ops.Operand{Port: 0, Name: info.Name}})
			continue
		}
		if l := layers[m[1]]; l != nil {
			fused, err := l.fuse()
			if err != nil {
				return nil, err
			}
			picks = append(picks, fused...)
			delete(layers, m[1])
		}
	}
	return picks, nil
}

func expertsOf(h ops.Header) (map[string]*layerExperts, error) {
	layers := map[string]*layerExperts{}
	for _, info := range h.Infos {
		m := alone().FindStringSubmatch(info.Name)
		if m == nil {
			continue
		}
		l := layers[m[1]]
		if l == nil {
			l = &layerExperts{layer: m[1], parts: map[int]map[tensor.Kind]tensor.Info{}}
			layers[m[1]] = l
		}
		e, _ := strconv.Atoi(m[3]) // digits, by the pattern
		if l.parts[e] == nil {
			l.parts[e] = map[tensor.Kind]tensor.Info{}
		}
		l.parts[e][partOf[m[4]]] = info
	}
	if len(layers) == 0 {
		return nil, fmt.Errorf("%s has no experts that lie one by one (tensors such as model.layers.0.mlp.experts.0.up_proj.weight): are they fused already?", h.Name)
	}
	return layers, nil
}

// fuse makes the two tensors of a layer.
func (l *layerExperts) fuse() ([]ops.Pick, error) {
	var gateUp, down []ops.Piece
	first := l.parts[0]
	for e := range len(l.parts) {
		for _, kind := range []tensor.Kind{tensor.MLPGate, tensor.MLPUp, tensor.MLPDown} {
			info, ok := l.parts[e][kind]
			if !ok || len(info.Shape) != 2 || !info.Shape.Equal(first[kind].Shape) {
				return nil, fmt.Errorf("%s: expert %d of %d lacks a matrix of the first one's shape for %s", l.layer, e, len(l.parts), kind)
			}
			piece := ops.Piece{From: ops.Operand{Port: 0, Name: info.Name}, Rows: info.Shape[0]}
			if kind == tensor.MLPDown {
				down = append(down, piece)
			} else {
				gateUp = append(gateUp, piece)
			}
		}
	}
	width, hidden := first[tensor.MLPGate].Shape[0], first[tensor.MLPGate].Shape[1]
	if up, d := first[tensor.MLPUp].Shape, first[tensor.MLPDown].Shape; !up.Equal(tensor.Shape{width, hidden}) || !d.Equal(tensor.Shape{hidden, width}) {
		return nil, fmt.Errorf("%s: gate %v, up %v and down %v do not fit each other", l.layer, first[tensor.MLPGate].Shape, up, d)
	}
	n := len(l.parts)
	return []ops.Pick{
		{Name: l.layer + fusedGateUp, Pieces: gateUp, Shape: tensor.Shape{n, 2 * width, hidden}},
		{Name: l.layer + fusedDown, Pieces: down, Shape: tensor.Shape{n, hidden, width}},
	}, nil
}
