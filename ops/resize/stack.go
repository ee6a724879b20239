package resize

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/schema"
	"github.com/rouxml/roux/tensor"
)

type stack struct {
	Base   schema.Ref `yaml:"base" check:"optional" doc:"model that gives config, tokenizer and files; default: the first slice's"`
	Slices []slice    `yaml:"slices" check:"min=1" doc:"pieces of models, from the first layer to the last"`
}

// slice is a run of layers of one model.
type slice struct {
	Model  schema.Ref `yaml:"model" doc:"model to take layers from"`
	Layers []int      `yaml:"layers" check:"optional" doc:"first layer and the one behind the last, as [0, 8]; default: all"`
}

// FromScalar lets a model be named alone, with all of its layers.
func (*slice) FromScalar() string { return "model" }

func init() {
	ops.Add(&Set, ops.Spec[stack]{
		Name: "resize.stack", Version: 2,
		Summary: "Stacks layers of several models into one.",
		Doc: "Layers are numbered anew in the order of the slices. Embeddings and what else stands before the layers come from the first slice's model, " +
			"the final norm and the head from the last slice's. Nothing is computed: tensors are only renamed. " +
			"In config.json, lists with one value for each layer, lists of layer numbers and patterns of attention follow the layers. " +
			"Of a model of several kinds of input the layers of the text model are stacked; the rest comes from the first slice's model.",
		Source:  "mergekit passthrough",
		Example: "op: resize.stack\nslices:\n  - {model: a, layers: [0, 24]}\n  - {model: b, layers: [8, 32]}\n",
		Check:   stackCheck,
		Ride:    stackRide,
		Select:  stackSelect,
	})
}

func stackCheck(p *stack) []schema.Problem {
	var problems []schema.Problem
	for i, s := range p.Slices {
		if s.Layers != nil && (len(s.Layers) != 2 || s.Layers[0] < 0 || s.Layers[1] <= s.Layers[0]) {
			problems = append(problems, schema.Problem{Path: "slices", Msg: fmt.Sprintf("slice %d: layers %v hold no layers", i+1, s.Layers), Cure: "write [first, behind the last], counting from 0"})
		}
	}
	return problems
}

func stackSelect(p *stack, in []ops.Header) ([]ops.Pick, error) {
	layers, err := p.layers(in)
	if err != nil {
		return nil, err
	}
	first, last := p.first(in), len(in)-1
	picks := outside(in, first, func(r tensor.Role) bool { return r.Tower != "" || !after(r.Kind) })
	for at, from := range layers {
		picks = append(picks, layerOf(in[from.port], from.port, from.layer, at)...)
	}
	return append(picks, outside(in, last, func(r tensor.Role) bool { return r.Tower == "" && after(r.Kind) })...), nil
}

// source is where a layer of the result comes from.
type source struct{ port, layer int }

// layers lists the result's layers.
func (p *stack) layers(in []ops.Header) ([]source, error) {
	var all []source
	for i, s := range p.Slices {
		port := p.first(in) + i
		from, to, err := bounds(s, in[port])
		if err != nil {
			return nil, err
		}
		for layer := from; layer < to; layer++ {
			all = append(all, source{port, layer})
		}
	}
	return all, nil
}

// first is the port of the first slice: 1 behind a base.
func (p *stack) first(in []ops.Header) int { return len(in) - len(p.Slices) }

// after says whether a tensor outside the layers stands behind them.
func after(k tensor.Kind) bool { return k == tensor.Norm || k == tensor.Head }

// outside picks what is in no layer of the text model.
func outside(in []ops.Header, port int, want func(tensor.Role) bool) []ops.Pick {
	var picks []ops.Pick
	for _, info := range in[port].Infos {
		role := in[port].Roles.Role(info.Name, info.Shape)
		if (role.Layer < 0 || role.Tower != "") && want(role) {
			picks = append(picks, ops.Pick{Name: info.Name, From: ops.Operand{Port: port, Name: info.Name}})
		}
	}
	return picks
}

// bounds returns the slice's layers, held to those that the model has.
func bounds(s slice, h ops.Header) (from, to int, err error) {
	layers := count(h)
	if s.Layers == nil {
		return 0, layers, nil
	}
	if s.Layers[1] > layers {
		return 0, 0, fmt.Errorf("%slayers %v of %s: it has %d layers, so the end is at most %d", place(s.Model.Pos), s.Layers, h.Name, layers, layers)
	}
	return s.Layers[0], s.Layers[1], nil
}

// place is where a slice stands, if that is known.
func place(pos schema.Pos) string {
	if pos.Line == 0 {
		return ""
	}
	return pos.String() + ": "
}

// count is how many layers the text model has.
func count(h ops.Header) (layers int) {
	for _, info := range h.Infos {
		if role := h.Roles.Role(info.Name, info.Shape); role.Tower == "" {
			layers = max(layers, role.Layer+1)
		}
	}
	return layers
}

// layerOf picks one layer's tensors under their new number.
func layerOf(h ops.Header, port, layer, at int) []ops.Pick {
	var picks []ops.Pick
	for _, info := range h.Infos {
		if role := h.Roles.Role(info.Name, info.Shape); role.Layer == layer && role.Tower == "" {
			picks = append(picks, ops.Pick{Name: renumber(info.Name, layer, at), From: ops.Operand{Port: port, Name: info.Name}})
		}
	}
	return picks
}

// renumber replaces the layer's number, the first of that value in the name.
func renumber(name string, from, to int) string {
	parts := strings.Split(name, ".")
	for i, part := range parts {
		if part == strconv.Itoa(from) {
			parts[i] = strconv.Itoa(to)
			break
		}
	}
	return strings.Join(parts, ".")
}
