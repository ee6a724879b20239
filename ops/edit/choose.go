package edit

import (
	"fmt"
	"strings"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/schema"
	"github.com/rouxml/roux/tensor"
)

type choose struct {
	Base   schema.Ref `yaml:"base" check:"optional" doc:"model that gives config, tokenizer and files; default: the first of models"`
	Models []choice   `yaml:"models" check:"min=1" doc:"models to take tensors from; for each tensor, the first that has it and whose where holds"`
}

type choice struct {
	Model  schema.Ref `yaml:"model" doc:"model to take tensors from"`
	Where  string     `yaml:"where" check:"optional" doc:"which tensors come from this model; default: all that are left"`
	Needed bool       `yaml:"needed" default:"false" doc:"fail when no tensor comes from this model"`
}

// FromScalar lets a model be named alone.
func (*choice) FromScalar() string { return "model" }

func init() {
	ops.Add(&Set, ops.Spec[choose]{
		Name: "edit.choose", Version: 1,
		Summary: "Takes each tensor from one of several models.",
		Doc:     "A tensor comes from the first model that has it and whose where holds; a tensor for which there is none is left out. Nothing is computed.",
		Source:  "mergekit's modules",
		Example: "op: edit.choose\nmodels:\n  - {model: a, where: layer >= 0}\n  - b\n",
		Check:   chooseCheck,
		Select:  chooseSelect,
	})
}

func chooseCheck(p *choose) []schema.Problem {
	var problems []schema.Problem
	for i, c := range p.Models {
		if c.Where == "" {
			continue
		}
		_, more := schema.CompilePredicate(c.Where, schema.Pos{}, fmt.Sprintf("models[%d].where", i))
		problems = append(problems, more...)
	}
	return problems
}

// chooseSelect lists tensors in the order of the first model that has them.
func chooseSelect(p *choose, in []ops.Header) ([]ops.Pick, error) {
	first := len(in) - len(p.Models) // the base's port, if it has one
	taken := map[string]bool{}
	var picks []ops.Pick
	for i, c := range p.Models {
		h := in[first+i]
		where, problems := schema.CompilePredicate(whereOf(c.Where), schema.Pos{}, "where")
		if problems != nil {
			return nil, problems
		}
		layers, before := layersOf(h), len(picks)
		for _, info := range h.Infos {
			if taken[info.Name] {
				continue
			}
			yes, err := where.Match(envOf(h, info, layers))
			if err != nil {
				return nil, err
			}
			if yes {
				taken[info.Name] = true
				picks = append(picks, ops.Pick{Name: info.Name, From: ops.Operand{Port: first + i, Name: info.Name}})
			}
		}
		if c.Needed && len(picks) == before {
			return nil, fmt.Errorf("no tensor of %s is such that %s", h.Name, whereOf(c.Where))
		}
	}
	return inOrder(picks, in[first:]), nil
}

func whereOf(where string) string {
	if strings.TrimSpace(where) == "" {
		return "true"
	}
	return where
}

// inOrder sorts picks as the models store them, the first model first.
func inOrder(picks []ops.Pick, in []ops.Header) []ops.Pick {
	at := make(map[string]ops.Pick, len(picks))
	for _, p := range picks {
		at[p.Name] = p
	}
	sorted := make([]ops.Pick, 0, len(picks))
	for _, h := range in {
		for _, info := range h.Infos {
			if p, ok := at[info.Name]; ok {
				sorted = append(sorted, p)
				delete(at, info.Name)
			}
		}
	}
	return sorted
}

// layersOf counts the layers of each tower.
func layersOf(h ops.Header) map[string]int {
	layers := map[string]int{}
	for _, info := range h.Infos {
		r := h.Roles.Role(info.Name, info.Shape)
		layers[r.Tower] = max(layers[r.Tower], r.Layer+1)
	}
	return layers
}

// envOf is what `where` sees of a tensor.
func envOf(h ops.Header, info tensor.Info, layers map[string]int) schema.Env {
	r := h.Roles.Role(info.Name, info.Shape)
	return schema.Env{Name: info.Name, Layer: r.Layer, Layers: layers[r.Tower], Kind: string(r.Kind),
		DType: info.DType.String(), Rows: info.Shape.Rows(), Cols: info.Shape.Cols(), Numel: info.Shape.Numel()}
}
