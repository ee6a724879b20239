package resize

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/schema"
)

type stack struct {
	Base   schema.Ref `yaml:"base" check:"optional" doc:"model that gives config, tokenizer and files; default: the first slice's"`
	Tower  string     `yaml:"tower" check:"optional" doc:"which stack of layers, by a part of what stands before their numbers, such as encoder or vision_tower; default: the text model's"`
	Slices []slice    `yaml:"slices" check:"min=1" doc:"pieces of models, from the first layer to the last"`
}

// slice is a run of layers of one model.
type slice struct {
	Model  schema.Ref `yaml:"model" doc:"model to take layers from"`
	Layers []int      `yaml:"layers" check:"optional,>=0" doc:"first layer and the one behind the last, as [0, 8]; default: all"`
}

// FromScalar lets a model be named alone, with all of its layers.
func (*slice) FromScalar() string { return "model" }

func init() {
	ops.Add(&Set, ops.Spec[stack]{
		Name: "resize.stack", Version: 3,
		Summary: "Stacks layers of several models into one.",
		Doc: "Layers are numbered anew in the order of the slices. Embeddings and what else stands before the layers come from the first slice's model, " +
			"the final norm and the head, with their biases, from the last slice's. Nothing is computed: tensors are only renamed. " +
			"In config.json, the number of layers, lists with one value for each layer, lists of layer numbers, patterns of attention and the number of dense layers before those of experts follow the layers; an order that it has no words for is an error. " +
			"Of a model of several kinds of input the layers of the text model are stacked, or those of the tower that is named; the rest comes from the first slice's model. " +
			"A model of encoder and decoder needs a tower: encoder, or decoder.",
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
		if s.Layers != nil && (len(s.Layers) != 2 || s.Layers[1] <= s.Layers[0]) {
			problems = append(problems, schema.Problem{Path: "slices", Msg: fmt.Sprintf("slice %d: layers %v hold no layers", i+1, s.Layers), Cure: "write [first, behind the last], counting from 0"})
		}
	}
	return problems
}

func stackSelect(p *stack, in []ops.Header) ([]ops.Pick, error) {
	s, err := p.on(in)
	if err != nil {
		return nil, err
	}
	first, last := p.first(in), len(in)-1
	picks := s.outside(first, false)
	for at, from := range s.layers {
		picks = append(picks, s.layerOf(from, at)...)
	}
	return append(picks, s.outside(last, true)...), nil
}

// source is where a layer of the result comes from.
type source struct{ port, layer int }

// stacked is what is stacked of which models.
type stacked struct {
	in     []ops.Header
	towers []tower // of each model
	layers []source
}

// on finds the tower in each model and lists the result's layers.
func (p *stack) on(in []ops.Header) (*stacked, error) {
	s := &stacked{in: in}
	for _, h := range in {
		t, err := towerOf(p.Tower, h)
		if err != nil {
			return nil, err
		}
		s.towers = append(s.towers, t)
	}
	for i, sl := range p.Slices {
		port := p.first(in) + i
		from, to, err := bounds(sl, in[port], s.towers[port].layers)
		if err != nil {
			return nil, err
		}
		for layer := from; layer < to; layer++ {
			s.layers = append(s.layers, source{port, layer})
		}
	}
	return s, nil
}

// first is the port of the first slice: 1 behind a base.
func (p *stack) first(in []ops.Header) int { return len(in) - len(p.Slices) }

// outside picks what is in no layer of the tower: what stands behind the
// layers, or all else.
func (s *stacked) outside(port int, behind bool) []ops.Pick {
	h, t := s.in[port], s.towers[port]
	var picks []ops.Pick
	for _, info := range h.Infos {
		role := h.Roles.Role(info.Name, info.Shape)
		if !t.has(role) && t.behind(info.Name, role) == behind {
			picks = append(picks, ops.Pick{Name: info.Name, From: ops.Operand{Port: port, Name: info.Name}})
		}
	}
	return picks
}

// bounds returns the slice's layers, held to those that the model has.
func bounds(s slice, h ops.Header, layers int) (from, to int, err error) {
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

// layerOf picks one layer's tensors under their new number.
func (s *stacked) layerOf(from source, at int) []ops.Pick {
	h := s.in[from.port]
	var picks []ops.Pick
	for _, info := range h.Infos {
		if role := h.Roles.Role(info.Name, info.Shape); role.Layer == from.layer && s.towers[from.port].has(role) {
			picks = append(picks, ops.Pick{Name: renumber(info.Name, from.layer, at), From: ops.Operand{Port: from.port, Name: info.Name}})
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
